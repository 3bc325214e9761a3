"""Draws individuals and photos of them with Pillow.

An individual is drawn once as a 128 px sprite; each photo is an affine view of the sprite on a background
with changing light, tint, noise and sometimes an occluder. Does not decide who or what is drawn
(`attributes`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from common.world.attributes import Individual, Scene
from common.world.figures import Draw, accessory, body, details, ellipse

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
                ellipse(draw, x, y, 5.5, 5.5, second)
    elif individual.pattern == "checked":
        for row in range(8):
            for column in range(row % 2, 8, 2):
                draw.rectangle((column * 16, row * 16, column * 16 + 12, row * 16 + 12), fill=second)
    else:
        draw.rectangle((76, 0, SPRITE, SPRITE), fill=second)
    return image


def _marking(individual: Individual, draw: Draw) -> None:
    """Dark blobs on a pale panel, each a little off in place and size, the same in every photo."""
    rng = np.random.default_rng(individual.jitter)
    left, top, right, bottom = PANEL
    draw.rounded_rectangle(
        (left - 2, top - 2, right + 2, bottom + 2), 5, fill=(252, 246, 224), outline=(90, 80, 60)
    )
    cell = (right - left) / 3
    for index, bit in enumerate(individual.marking):
        dx, dy, rx, ry = rng.uniform((-1, -1, 5.6, 5.6), (1, 1, 7.0, 7.0))
        if bit:
            x, y = left + cell * (index % 3 + 0.5) + dx, top + cell * (index // 3 + 0.5) + dy
            ellipse(draw, x, y, rx, ry, (30, 24, 60))


def sprite(individual: Individual) -> Image.Image:
    """The individual on a transparent ground, RGBA, drawn at SPRITE px and halved."""
    mask = Image.new("L", (SPRITE, SPRITE), 0)
    top = body(individual.noun, ImageDraw.Draw(mask))
    surface = _texture(individual)
    picture = Image.new("RGBA", (SPRITE, SPRITE), (0, 0, 0, 0))
    for offset in ((-2, 0), (2, 0), (0, -2), (0, 2)):  # a dark outline
        picture.paste((60, 60, 64, 255), offset, mask)
    picture.paste(surface, mask=mask)
    draw = ImageDraw.Draw(picture)
    details(individual.noun, draw, SKIN[individual.jitter % len(SKIN)])
    accessory(individual.accessory, draw, top)
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
        ellipse(draw, int(xs[0]), 5, 4, 4, (246, 240, 190))
    else:
        left = int(xs[0]) % 34
        draw.rectangle((left, 4, left + 12, 16), fill=(160, 214, 246), outline=(110, 70, 40))
    return image


def _prop(name: str, draw: Draw, left: bool) -> None:
    x = 6 if left else SIZE - 7
    if name == "ball":
        ellipse(draw, x, 42, 5, 5, (236, 60, 120))
        draw.line([(x - 5, 42), (x + 5, 42)], fill=(255, 255, 255))
    elif name == "flower":
        draw.line([(x, 46), (x, 37)], fill=(30, 130, 40), width=2)
        for dx, dy in ((-3, 0), (3, 0), (0, -3), (0, 3)):
            ellipse(draw, x + dx, 35 + dy, 2, 2, (250, 240, 250))
        ellipse(draw, x, 35, 1.5, 1.5, (250, 190, 0))
    elif name == "box":
        draw.rectangle((x - 5, 37, x + 5, 46), fill=(176, 122, 66), outline=(90, 56, 20))
        draw.line([(x, 37), (x, 46)], fill=(230, 40, 60), width=2)
    elif name == "cone":
        draw.polygon([(x, 34), (x - 5, 46), (x + 5, 46)], fill=(255, 110, 10))
        draw.line([(x - 3, 41), (x + 3, 41)], fill=(255, 255, 255), width=2)


def view(picture: Image.Image, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """One photo of a sprite in a scene: uint8 (SIZE, SIZE, 3).

    Nuisance: scale .80-1 of the frame, shift up to 3 px, rotation sd 5 degrees, prop side, light, tint, noise
    and, in a quarter of the photos, a small occluder.
    """
    ground = _background(scene.place, int(rng.integers(48))).copy()
    _stand(ground, picture, rng, scale=(0.80, 1.0), middle=SIZE / 2, shift=3)
    _prop(scene.prop, ImageDraw.Draw(ground), bool(rng.integers(2)))
    return _exposed(ground, rng)


def view_of_two(left: Image.Image, right: Image.Image, place: str, rng: np.random.Generator) -> np.ndarray:
    """One photo of two sprites side by side, uint8 (SIZE, SIZE, 3); no prop, which would hide one of them.

    Each takes .60-.68 of the frame, the most with which both are whole; the other nuisance is that of `view`.
    """
    ground = _background(place, int(rng.integers(48))).copy()
    for picture, middle in ((left, 0.27), (right, 0.73)):
        _stand(ground, picture, rng, scale=(0.60, 0.68), middle=SIZE * middle, shift=1)
    return _exposed(ground, rng)


def _stand(
    ground: Image.Image,
    picture: Image.Image,
    rng: np.random.Generator,
    *,
    scale: tuple[float, float],
    middle: float,
    shift: float,
) -> None:
    """Puts a sprite on the ground, a little turned, its middle up to `shift` px beside x = `middle`."""
    edge, own = SIZE * rng.uniform(*scale), picture.width
    angle, zoom = np.deg2rad(rng.normal(0, 5)), own / edge
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    cx, cy = middle + rng.uniform(-shift, shift), SIZE - edge / 2 + rng.uniform(-1.5, 2.5)
    matrix = (cos, sin, own / 2 - cos * cx - sin * cy, -sin, cos, own / 2 + sin * cx - cos * cy)
    placed = picture.transform((SIZE, SIZE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    ground.paste(placed, mask=placed.getchannel("A"))


def _exposed(ground: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """The picture as the camera gives it: perhaps an occluder, then light, tint and noise."""
    if rng.random() < 0.25:
        x, y = rng.integers(0, SIZE, 2)
        box = (x, y, x + rng.integers(3, 7), y + rng.integers(3, 7))
        ImageDraw.Draw(ground).rectangle(box, fill=(128, 128, 128))
    photo = np.asarray(ground, dtype=np.float32) * rng.uniform(0.72, 1.1)
    photo = photo * rng.uniform(0.92, 1.08, 3).astype(np.float32)
    photo += rng.standard_normal(photo.shape, dtype=np.float32) * 4
    return np.clip(photo, 0, 255).astype(np.uint8)
