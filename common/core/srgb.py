"""Colors of decoded pictures as 8-bit sRGB: modes, color profiles, transparency, deep gray."""

import io

import numpy as np
from PIL import Image, ImageCms

STRIP = 256  # rows of deep gray converted at once


def to_srgb(image: Image.Image) -> Image.Image:
    """8-bit sRGB: deep gray scaled, the color profile applied, what is transparent made white."""
    if image.mode.startswith(("I", "F")):
        return _from_deep_gray(image).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        return Image.composite(_by_profile(image), white, image.getchannel("A"))
    return _by_profile(image)


def _by_profile(image: Image.Image) -> Image.Image:
    """The colors as sRGB has them; without a profile, or with a damaged one, they are taken for sRGB."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    colors = image.mode if image.mode in ("L", "CMYK") else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image.convert("RGB")  # exact, where a conversion would change last digits
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, colors, "RGB")
        return transform.point(image.convert(colors))
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image.convert("RGB")


def _from_deep_gray(image: Image.Image) -> Image.Image:
    """Gray of 16 bits and wider, or of floats, as 8 bits, a strip at a time; Pillow's own clips to white.

    White is what holds the brightest pixel: 1 (of floats), 255, 65,535, or that pixel.
    """
    values = np.asarray(image)
    strips = [values[start : start + STRIP] for start in range(0, len(values), STRIP)]
    brightest = max(float(strip.max(initial=0, where=np.isfinite(strip))) for strip in strips)
    whites = [1.0, 255.0, 65535.0] if values.dtype.kind == "f" else [255.0, 65535.0]
    white = next((white for white in whites if brightest <= white), brightest)
    shades = np.empty(values.shape, np.uint8)
    for start, strip in enumerate(strips):
        shaded = np.nan_to_num(strip.astype(np.float64)).clip(0, white) * (255 / white)
        shades[start * STRIP : start * STRIP + len(strip)] = shaded.round()
    return Image.fromarray(shades)
