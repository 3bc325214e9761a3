"""Pictures for training: scaled to one size, and changed a little at random.

Five photos repeated as they are get memorized: training succeeds and new photos are rejected. Copies with
another crop, light and grain are not. Mirroring is off unless asked for: it turns lettering and one-sided
markings into somebody else's, and left into right. Knows pictures only, no labels: positives and negatives
have to be changed alike, or the change itself would tell them apart.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps


@dataclass(frozen=True)
class Strength:
    """The largest change of each sort; every draw is uniform between none and this, either way."""

    shift: float  # of the width and height
    scale: float  # of the size
    rotate: float  # degrees; positive is clockwise
    light: float  # of the brightness
    noise: float  # standard deviation, of the full range
    mirror: float = 0.0  # chance of mirroring
    surround: float = 0.0  # chance of being made smaller and put into another picture


SMALL = 0.3, 0.8  # sides of a picture that is put into another, of the other's


def fit(image: Image.Image, longest: int) -> Image.Image:
    """Return `image` with no side above `longest` pixels; small ones stay as they are."""
    ratio = longest / max(image.size)
    if ratio >= 1:
        return image
    width, height = (max(1, round(side * ratio)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def augment(image: Image.Image, strength: Strength, rng: np.random.Generator) -> tuple[Image.Image, str]:
    """Return a changed copy of an RGB image, of the same size, and the changes in words."""
    right, down = rng.uniform(-strength.shift, strength.shift, 2)
    scale = 1 + rng.uniform(-strength.scale, strength.scale)
    degrees = rng.uniform(-strength.rotate, strength.rotate)
    light = (
        1 + rng.uniform(-strength.light, strength.light) + rng.uniform(-1, 1, 3) * strength.light / 3
    )  # (RGB,)
    noise = rng.uniform(0, strength.noise)

    pixels = (
        np.asarray(_moved(image, right, down, scale, degrees), dtype=np.float64) * light
    )  # (H, W, 3), 0 … 255
    pixels += rng.normal(0, 255 * noise, pixels.shape)
    words = (
        f"shift {right:+.3f} {down:+.3f}, scale {scale:.3f}, rotate {degrees:+.2f}, "
        f"light {light[0]:.3f} {light[1]:.3f} {light[2]:.3f}, noise {noise:.4f}"
    )
    changed = Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))
    if rng.random() < strength.mirror:
        return ImageOps.mirror(changed), f"{words}, mirrored"
    return changed, words


def put_into(
    surroundings: Image.Image, image: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, str]:
    """Return a picture of the size of `image` that shows it small amid another, and where, in words.

    Few photos show their subject near and in the middle; new ones show it far away, beside other things.
    """
    scale = rng.uniform(*SMALL)
    width, height = (max(1, round(scale * side)) for side in image.size)
    place = tuple(
        int(rng.integers(whole - part + 1)) for whole, part in zip(image.size, (width, height), strict=True)
    )
    whole = ImageOps.fit(surroundings, image.size, Image.Resampling.BICUBIC)
    whole.paste(image.resize((width, height), Image.Resampling.BICUBIC), place)
    return whole, f"scale {scale:.3f} at {place[0]} {place[1]} px"


def png(image: Image.Image) -> bytes:
    """Return the image as PNG, without metadata."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _moved(image: Image.Image, right: float, down: float, scale: float, degrees: float) -> Image.Image:
    """Return `image` shifted, scaled and rotated about its middle; the borders are continued by reflection.

    A border of one color would be a mark by which copies could be told from photos.
    """
    width, height = image.size
    margin = max(width, height)
    # numpy repeats the reflection where the margin is wider than the image
    padded = Image.fromarray(
        np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    )
    cos, sin = math.cos(math.radians(degrees)) / scale, math.sin(math.radians(degrees)) / scale
    middle_x, middle_y = width * (0.5 + right), height * (0.5 + down)  # where the old middle goes
    # Pillow asks for the inverse map: where in the padded picture each new pixel comes from.
    source_x = margin + width / 2 - cos * middle_x - sin * middle_y
    source_y = margin + height / 2 + sin * middle_x - cos * middle_y
    matrix = (cos, sin, source_x, -sin, cos, source_y)
    return padded.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
