"""Draws individuals and photos of them with Pillow.

An individual is drawn once as a 128 px sprite; each photo is an affine view of the sprite on a background with
changing light, tint, noise and sometimes an occluder. Does not decide who or what is drawn (`attributes`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from stages.world.attributes import Individual, Scene

SPRITE = 128  # pixels, sprite edge
SIZE = 48  # pixels, photo edge
PALETTE = {
    "red": (208, 38, 38),
    "orange": (244, 140, 30),
    "yellow": (248, 224, 62),
    "green": (44, 156, 62),
    "blue": (42, 88, 214),
    "purple": (142, 60, 176),
    "white": (244, 244, 244),
    "black": (34, 34, 38),
}
SKIN = ((242, 206, 176), (206, 156, 116), (140, 94, 66))
PANEL = (43, 62, 85, 104)  # left, top, right, bottom of the marking panel on the sprite
Draw = ImageDraw.ImageDraw


def _ellipse(draw: Draw, x: float, y: float, rx: float, ry: float, fill: object) -> None:
    draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=fill)


def _body(noun: str, draw: Draw) -> int:
    """Fills the noun's silhouette with 255 on a mask and returns the y of its top, where an accessory sits."""
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
        _ellipse(draw, 30, 72, 10, 7, 255)
        _ellipse(draw, 98, 72, 10, 7, 255)
        draw.rectangle((42, 110, 58, 124), fill=255)
        draw.rectangle((70, 110, 86, 124), fill=255)
        return 14
    if noun == "dog":
        _ellipse(draw, 64, 90, 34, 32, 255)
        _ellipse(draw, 64, 40, 22, 20, 255)
        _ellipse(draw, 36, 46, 9, 22, 255)
        _ellipse(draw, 92, 46, 9, 22, 255)
        draw.line([(94, 96), (120, 70)], fill=255, width=10)
        return 20
    if noun == "cat":
        _ellipse(draw, 64, 90, 32, 32, 255)
        _ellipse(draw, 64, 42, 24, 19, 255)
        draw.polygon([(40, 44), (40, 12), (62, 28)], fill=255)
        draw.polygon([(88, 44), (88, 12), (66, 28)], fill=255)
        draw.arc((2, 60, 40, 122), 60, 290, fill=255, width=8)
        return 24
    if noun == "bird":
        _ellipse(draw, 64, 82, 34, 36, 255)
        _ellipse(draw, 64, 40, 19, 18, 255)
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
        _ellipse(draw, 64, 82, 44, 42, 255)
        _ellipse(draw, 32, 36, 15, 13, 255)
        _ellipse(draw, 96, 36, 15, 13, 255)
        return 40
    if noun == "vase":
        _ellipse(draw, 64, 86, 40, 36, 255)
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
            _ellipse(draw, x, 112, 12, 12, 255)
        return 18
    draw.rounded_rectangle((26, 34, 102, 118), 30, fill=255)  # monster
    draw.polygon([(30, 48), (18, 10), (50, 36)], fill=255)
    draw.polygon([(98, 48), (110, 10), (78, 36)], fill=255)
    return 34


def _details(noun: str, draw: Draw, skin: tuple[int, int, int]) -> None:
    """What makes the noun recognizable beside its outline: faces, beaks, hands of the clock."""
    dark, light = (24, 22, 22), (250, 250, 250)
    if noun in ("man", "woman", "child"):
        y, r = {"man": (34, 15), "woman": (34, 14), "child": (36, 21)}[noun]
        hair = (70, 44, 26)
        if noun == "woman":
            draw.rounded_rectangle((40, 18, 88, 66), 14, fill=hair)
        _ellipse(draw, 64, y, r, r, skin)
        if noun != "woman":
            draw.pieslice((64 - r, y - r, 64 + r, y + r), 190, 350, fill=hair)
        if noun == "man":
            draw.pieslice((64 - r, y - r, 64 + r, y + r), 30, 150, fill=hair)
        for x in (58, 70):
            _ellipse(draw, x, y + 1, 2.5, 2.5, dark)
    elif noun in ("dog", "cat", "bird", "robot", "ghost"):
        y = {"dog": 36, "cat": 40, "bird": 36, "robot": 36, "ghost": 42}[noun]
        for x in (55, 73):
            _ellipse(draw, x, y, 5, 5, light)
            _ellipse(draw, x, y, 3, 3, dark)
        if noun == "dog":
            _ellipse(draw, 64, 50, 11, 8, (222, 196, 160))
            _ellipse(draw, 64, 47, 5, 4, dark)
        elif noun == "cat":
            for end in (38, 46, 54):
                draw.line([(64, 48), (36, end)], fill=light, width=2)
                draw.line([(64, 48), (92, end)], fill=light, width=2)
        elif noun == "bird":
            draw.polygon([(54, 44), (74, 44), (64, 60)], fill=(250, 170, 20))
        elif noun == "robot":
            draw.rectangle((50, 44, 78, 48), fill=dark)
    elif noun == "monster":
        _ellipse(draw, 64, 47, 12, 11, light)
        _ellipse(draw, 64, 47, 6, 6, dark)
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
        _ellipse(draw, 60, 42, 33, 8, (90, 56, 34))
    else:  # vase
        draw.line([(52, 30), (46, 8)], fill=(40, 130, 50), width=4)
        draw.line([(76, 30), (84, 8)], fill=(40, 130, 50), width=4)


def _texture(individual: Individual) -> Image.Image:
    """The body's surface: main color with the pattern in the second color."""
    image = Image.new("RGB", (SPRITE, SPRITE), PALETTE[individual.color])
    draw, second = ImageDraw.Draw(image), PALETTE[individual.second]
    if individual.pattern == "striped":
        for y in range(8, SPRITE, 22):
            draw.rectangle((0, y, SPRITE, y + 8), fill=second)
    elif individual.pattern == "dotted":
        for row, y in enumerate(range(6, SPRITE, 18)):
            for x in range(6 + 9 * (row % 2), SPRITE, 18):
                _ellipse(draw, x, y, 5.5, 5.5, second)
    elif individual.pattern == "checked":
        for row in range(8):
            for column in range(row % 2, 8, 2):
                draw.rectangle((column * 16, row * 16, column * 16 + 12, row * 16 + 12), fill=second)
    else:
        draw.rectangle((76, 0, SPRITE, SPRITE), fill=second)
    return image


def _accessory(name: str, draw: Draw, top: int) -> None:
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
        _ellipse(draw, 74, top - 8, 14, 8, (110, 220, 70))
        draw.line([(62, top + 4), (84, top - 12)], fill=(30, 90, 20), width=3)


def _marking(individual: Individual, draw: Draw) -> None:
    """The 3x3 grid: dark blobs on a pale panel, each a little off in place and size, the same in every photo."""
    rng = np.random.default_rng(individual.jitter)
    left, top, right, bottom = PANEL
    draw.rounded_rectangle((left - 2, top - 2, right + 2, bottom + 2), 5, fill=(252, 246, 224), outline=(90, 80, 60))
    cell = (right - left) / 3
    for index, bit in enumerate(individual.marking):
        dx, dy, rx, ry = rng.uniform((-1, -1, 5.6, 5.6), (1, 1, 7.0, 7.0))
        if bit:
            x, y = left + cell * (index % 3 + 0.5) + dx, top + cell * (index // 3 + 0.5) + dy
            _ellipse(draw, x, y, rx, ry, (30, 24, 60))


def sprite(individual: Individual) -> Image.Image:
    """The individual on a transparent ground, RGBA, drawn at SPRITE px and halved."""
    mask = Image.new("L", (SPRITE, SPRITE), 0)
    top = _body(individual.noun, ImageDraw.Draw(mask))
    body = _texture(individual)
    picture = Image.new("RGBA", (SPRITE, SPRITE), (0, 0, 0, 0))
    for offset in ((-2, 0), (2, 0), (0, -2), (0, 2)):  # a dark outline
        picture.paste((60, 60, 64, 255), offset, mask)
    picture.paste(body, mask=mask)
    draw = ImageDraw.Draw(picture)
    _details(individual.noun, draw, SKIN[individual.jitter % len(SKIN)])
    _accessory(individual.accessory, draw, top)
    _marking(individual, draw)
    return picture.reduce(2)


@lru_cache(maxsize=512)
def _background(place: str, variant: int) -> Image.Image:
    """One of many pictures of a place, RGB, SIZE x SIZE."""
    rng = np.random.default_rng((variant, sum(place.encode())))
    image = Image.new("RGB", (SIZE, SIZE))
    draw, horizon = ImageDraw.Draw(image), int(rng.integers(20, 34))
    sky, ground = {
        "beach": ((130, 200, 246), (238, 214, 150)),
        "forest": ((150, 196, 160), (60, 104, 50)),
        "snow": ((196, 214, 230), (248, 250, 252)),
        "city": ((186, 186, 192), (104, 104, 110)),
        "night": ((14, 16, 52), (26, 30, 40)),
        "room": ((226, 186, 160), (134, 88, 54)),
    }[place]
    draw.rectangle((0, 0, SIZE, horizon), fill=sky)
    draw.rectangle((0, horizon, SIZE, SIZE), fill=ground)
    xs = rng.integers(0, SIZE, 8)
    ys = rng.integers(0, horizon, 8)
    if place == "beach":
        draw.rectangle((0, horizon - 6, SIZE, horizon), fill=(40, 120, 190))
    elif place == "forest":
        for x in xs[:6]:
            draw.polygon([(x, horizon - 22), (x - 6, horizon + 2), (x + 6, horizon + 2)], fill=(24, 84, 36))
    elif place == "snow":
        for x, y in zip(xs, ys, strict=True):
            draw.rectangle((x, y, x + 1, y + 1), fill=(255, 255, 255))
    elif place == "city":
        for x, y in zip(xs[:5], ys[:5], strict=True):
            draw.rectangle((x, y // 2, x + 8, horizon), fill=(78, 78, 92))
            draw.rectangle((x + 2, y // 2 + 3, x + 3, y // 2 + 5), fill=(250, 230, 120))
    elif place == "night":
        for x, y in zip(xs, ys, strict=True):
            draw.point((x, y), fill=(250, 250, 210))
        _ellipse(draw, int(xs[0]), 5, 4, 4, (246, 240, 190))
    else:
        left = int(xs[0]) % 34
        draw.rectangle((left, 4, left + 12, 16), fill=(160, 214, 246), outline=(110, 70, 40))
    return image


def _prop(name: str, draw: Draw, left: bool) -> None:
    x = 6 if left else SIZE - 7
    if name == "ball":
        _ellipse(draw, x, 42, 5, 5, (236, 60, 120))
        draw.line([(x - 5, 42), (x + 5, 42)], fill=(255, 255, 255))
    elif name == "flower":
        draw.line([(x, 46), (x, 37)], fill=(30, 130, 40), width=2)
        for dx, dy in ((-3, 0), (3, 0), (0, -3), (0, 3)):
            _ellipse(draw, x + dx, 35 + dy, 2, 2, (250, 240, 250))
        _ellipse(draw, x, 35, 1.5, 1.5, (250, 190, 0))
    elif name == "box":
        draw.rectangle((x - 5, 37, x + 5, 46), fill=(176, 122, 66), outline=(90, 56, 20))
        draw.line([(x, 37), (x, 46)], fill=(230, 40, 60), width=2)
    elif name == "cone":
        draw.polygon([(x, 34), (x - 5, 46), (x + 5, 46)], fill=(255, 110, 10))
        draw.line([(x - 3, 41), (x + 3, 41)], fill=(255, 255, 255), width=2)


def view(picture: Image.Image, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """One photo of a sprite in a scene: uint8 (SIZE, SIZE, 3).

    Nuisance: scale .80-1 of the frame, shift up to 3 px, rotation sd 5 degrees, prop side, light, tint, noise and,
    in a quarter of the photos, a small occluder.
    """
    ground = _background(scene.place, int(rng.integers(48))).copy()
    draw = ImageDraw.Draw(ground)
    edge, own = SIZE * rng.uniform(0.80, 1.0), picture.width
    angle, zoom = np.deg2rad(rng.normal(0, 5)), own / edge
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    cx, cy = SIZE / 2 + rng.uniform(-3, 3), SIZE - edge / 2 + rng.uniform(-1.5, 2.5)
    matrix = (cos, sin, own / 2 - cos * cx - sin * cy, -sin, cos, own / 2 + sin * cx - cos * cy)
    placed = picture.transform((SIZE, SIZE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    ground.paste(placed, mask=placed.getchannel("A"))
    _prop(scene.prop, draw, bool(rng.integers(2)))
    if rng.random() < 0.25:
        x, y = rng.integers(0, SIZE, 2)
        draw.rectangle((x, y, x + rng.integers(3, 7), y + rng.integers(3, 7)), fill=(128, 128, 128))
    photo = np.asarray(ground, dtype=np.float32) * rng.uniform(0.72, 1.1)
    photo = photo * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    photo += rng.standard_normal(photo.shape, dtype=np.float32) * 4
    return np.clip(photo, 0, 255).astype(np.uint8)
