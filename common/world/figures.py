"""Shapes of the embedded world: the outline and details of each noun, and what sits on top.

Draws on a canvas of 128 x 128 px and knows no colors but those that every individual of a noun shares.
"""

from __future__ import annotations

from PIL import ImageDraw

Draw = ImageDraw.ImageDraw


def ellipse(draw: Draw, x: float, y: float, rx: float, ry: float, fill: object) -> None:
    """An ellipse by its center and radii."""
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)


def body(noun: str, draw: Draw) -> int:
    """Fills the noun's silhouette with 255 on a mask; returns the y of its top, where accessories sit."""
    if noun == "man":
        draw.rectangle((28, 50, 100, 104), fill=255)
        draw.rectangle((34, 104, 58, 124), fill=255)
        draw.rectangle((70, 104, 94, 124), fill=255)
        return 20
    if noun == "woman":
        draw.polygon([(46, 48), (82, 48), (116, 124), (12, 124)], fill=255)
        return 20
    if noun == "child":
        draw.rounded_rectangle((38, 58, 90, 112), 10, fill=255)
        ellipse(draw, 30, 72, 10, 7, 255)
        ellipse(draw, 98, 72, 10, 7, 255)
        draw.rectangle((42, 110, 58, 124), fill=255)
        draw.rectangle((70, 110, 86, 124), fill=255)
        return 14
    if noun == "dog":
        ellipse(draw, 64, 90, 34, 32, 255)
        ellipse(draw, 64, 40, 22, 20, 255)
        ellipse(draw, 36, 46, 9, 22, 255)
        ellipse(draw, 92, 46, 9, 22, 255)
        draw.line([(94, 96), (120, 70)], fill=255, width=10)
        return 20
    if noun == "cat":
        ellipse(draw, 64, 90, 32, 32, 255)
        ellipse(draw, 64, 42, 24, 19, 255)
        draw.polygon([(40, 44), (40, 12), (62, 28)], fill=255)
        draw.polygon([(88, 44), (88, 12), (66, 28)], fill=255)
        draw.arc((2, 60, 40, 122), 60, 290, fill=255, width=8)
        return 24
    if noun == "bird":
        ellipse(draw, 64, 82, 34, 36, 255)
        ellipse(draw, 64, 40, 19, 18, 255)
        draw.polygon([(30, 70), (2, 50), (6, 100)], fill=255)
        draw.polygon([(98, 70), (126, 50), (122, 100)], fill=255)
        return 22
    if noun == "tower":
        draw.rectangle((38, 34, 90, 124), fill=255)
        for left in (34, 56, 78):
            draw.rectangle((left, 22, left + 16, 40), fill=255)
        return 22
    if noun == "temple":
        draw.polygon([(64, 24), (126, 56), (2, 56)], fill=255)
        draw.rectangle((34, 56, 94, 124), fill=255)
        for left in (6, 108):
            draw.rectangle((left, 56, left + 14, 124), fill=255)
        return 24
    if noun == "house":
        draw.rectangle((22, 60, 106, 124), fill=255)
        draw.polygon([(64, 20), (114, 60), (14, 60)], fill=255)
        draw.rectangle((88, 24, 102, 56), fill=255)
        return 22
    if noun == "mug":
        draw.rounded_rectangle((26, 40, 94, 120), 8, fill=255)
        draw.arc((80, 54, 122, 104), 250, 110, fill=255, width=10)
        return 40
    if noun == "clock":
        ellipse(draw, 64, 82, 44, 42, 255)
        ellipse(draw, 32, 36, 15, 13, 255)
        ellipse(draw, 96, 36, 15, 13, 255)
        return 40
    if noun == "vase":
        ellipse(draw, 64, 86, 40, 36, 255)
        draw.rectangle((52, 36, 76, 64), fill=255)
        draw.polygon([(40, 28), (88, 28), (76, 42), (52, 42)], fill=255)
        return 28
    if noun == "robot":
        draw.rectangle((34, 58, 94, 112), fill=255)
        draw.rectangle((42, 24, 86, 52), fill=255)
        draw.rectangle((58, 50, 70, 60), fill=255)
        for left in (14, 98):
            draw.rectangle((left, 60, left + 16, 98), fill=255)
        for left in (40, 72):
            draw.rectangle((left, 112, left + 16, 124), fill=255)
        return 24
    if noun == "ghost":
        draw.pieslice((24, 18, 104, 110), 180, 360, fill=255)
        draw.rectangle((24, 62, 104, 112), fill=255)
        for x in (36, 64, 92):
            ellipse(draw, x, 112, 12, 12, 255)
        return 18
    draw.rounded_rectangle((26, 34, 102, 118), 30, fill=255)  # monster
    draw.polygon([(30, 48), (18, 10), (50, 36)], fill=255)
    draw.polygon([(98, 48), (110, 10), (78, 36)], fill=255)
    return 34


def details(noun: str, draw: Draw, skin: tuple[int, int, int]) -> None:
    """What makes the noun recognizable beside its outline: faces, beaks, hands of the clock."""
    dark, light = (24, 22, 22), (250, 250, 250)
    if noun in ("man", "woman", "child"):
        y, r = {"man": (34, 15), "woman": (34, 14), "child": (36, 21)}[noun]
        hair = (70, 44, 26)
        if noun == "woman":
            draw.rounded_rectangle((40, 18, 88, 66), 14, fill=hair)
        ellipse(draw, 64, y, r, r, skin)
        if noun != "woman":
            draw.pieslice((64 - r, y - r, 64 + r, y + r), 190, 350, fill=hair)
        if noun == "man":
            draw.pieslice((64 - r, y - r, 64 + r, y + r), 30, 150, fill=hair)
        for x in (58, 70):
            ellipse(draw, x, y + 1, 2.5, 2.5, dark)
    elif noun in ("dog", "cat", "bird", "robot", "ghost"):
        y = {"dog": 36, "cat": 40, "bird": 36, "robot": 36, "ghost": 42}[noun]
        for x in (55, 73):
            ellipse(draw, x, y, 5, 5, light)
            ellipse(draw, x, y, 3, 3, dark)
        if noun == "dog":
            ellipse(draw, 64, 50, 11, 8, (222, 196, 160))
            ellipse(draw, 64, 47, 5, 4, dark)
        elif noun == "cat":
            for end in (38, 46, 54):
                draw.line([(64, 48), (36, end)], fill=light, width=2)
                draw.line([(64, 48), (92, end)], fill=light, width=2)
        elif noun == "bird":
            draw.polygon([(54, 44), (74, 44), (64, 60)], fill=(250, 170, 20))
        elif noun == "robot":
            draw.rectangle((50, 44, 78, 48), fill=dark)
    elif noun == "monster":
        ellipse(draw, 64, 47, 12, 11, light)
        ellipse(draw, 64, 47, 6, 6, dark)
        draw.rectangle((44, 108, 84, 114), fill=light)
    elif noun == "clock":
        draw.ellipse((22, 42, 106, 122), outline=light, width=4)
        draw.line([(64, 60), (64, 46)], fill=dark, width=5)
        draw.line([(86, 82), (102, 82)], fill=dark, width=5)
    elif noun == "tower":
        draw.rectangle((58, 44, 70, 56), fill=dark)
    elif noun == "house":
        draw.rectangle((56, 108, 72, 124), fill=dark)
        draw.polygon([(64, 28), (96, 58), (32, 58)], fill=(128, 74, 48))
    elif noun == "temple":
        draw.polygon([(64, 30), (108, 53), (20, 53)], fill=(226, 214, 190))
    elif noun == "mug":
        ellipse(draw, 60, 42, 33, 8, (90, 56, 34))
    else:  # vase
        draw.line([(52, 30), (46, 8)], fill=(40, 130, 50), width=4)
        draw.line([(76, 30), (84, 8)], fill=(40, 130, 50), width=4)


def accessory(name: str, draw: Draw, top: int) -> None:
    """What sits on top of a figure whose highest point is at y = `top`."""
    if name == "hat":
        draw.rectangle((38, top - 2, 90, top + 5), fill=(92, 58, 30))
        draw.rectangle((48, top - 18, 80, top), fill=(92, 58, 30))
    elif name == "crown":
        points = [(44, top + 4), (40, top - 18), (54, top - 6), (64, top - 20), (74, top - 6), (88, top - 18)]
        draw.polygon([*points, (84, top + 4)], fill=(255, 205, 30), outline=(150, 100, 0))
    elif name == "bow":
        draw.polygon([(64, top), (38, top - 14), (38, top + 12)], fill=(255, 90, 170))
        draw.polygon([(64, top), (90, top - 14), (90, top + 12)], fill=(255, 90, 170))
    elif name == "leaf":
        ellipse(draw, 74, top - 8, 14, 8, (110, 220, 70))
        draw.line([(62, top + 4), (84, top - 12)], fill=(30, 90, 20), width=3)
