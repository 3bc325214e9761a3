"""Photos changed at random, as MyVLM changes them: mirrored, lit otherwise, rotated.

Owns the changes alone. They are the published method's; `stages.assemble` makes gentler ones of its own.
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from common.methods.myvlm.settings import Changes


def augmented(image: Image.Image, changes: Changes, rng: np.random.Generator) -> Image.Image:
    """Return a changed copy of an RGB image, of the same size; corners that rotation bares are black."""
    flip, light, turn = rng.random(), rng.uniform(-1, 1), rng.uniform(-1, 1)
    if flip < changes.flip:
        image = ImageOps.mirror(image)
    image = ImageEnhance.Brightness(image).enhance(1 + light * changes.brightness)
    return image.rotate(turn * changes.rotation, Image.Resampling.BILINEAR)
