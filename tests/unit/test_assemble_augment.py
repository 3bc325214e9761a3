"""Small changes to pictures: of the right size and direction, no border, the same for the same draw."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from stages.assemble.augment import Strength, augment, fit, png, put_into

NONE = Strength(shift=0, scale=0, rotate=0, light=0, noise=0)
SOME = Strength(shift=0.1, scale=0.2, rotate=10, light=0.2, noise=0.02)


def picture(width: int = 40, height: int = 30) -> Image.Image:
    rng = np.random.default_rng(5)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def dot(x: int, y: int, size: int = 41) -> Image.Image:
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    return Image.fromarray(pixels)


def middle_of_light(image: Image.Image) -> tuple[float, float]:
    gray = np.asarray(image.convert("L"), float)
    y, x = np.indices(gray.shape)
    return (gray * x).sum() / gray.sum(), (gray * y).sum() / gray.sum()


def fixed(*draws: float) -> np.random.Generator:
    """A generator whose uniform draws are given as shares of the range, from -1 to 1."""
    values = list(draws)

    class Fixed(np.random.Generator):
        def uniform(self, low=0.0, high=1.0, size=None):
            drawn = [values.pop(0) * max(abs(low), abs(high)) for _ in range(size or 1)]
            return np.array(drawn) if size else drawn[0]

    return Fixed(np.random.PCG64(0))


def test_no_strength_means_no_change() -> None:
    image = picture()
    changed, words = augment(image, NONE, np.random.default_rng(0))
    assert changed.tobytes() == image.tobytes()
    assert words.startswith("shift")


def test_the_same_draw_gives_the_same_picture_and_another_draw_another() -> None:
    one, again, other = (augment(picture(), SOME, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes() != other.tobytes()
    assert one.size == picture().size


def test_shift_goes_right_and_down_by_the_share_said() -> None:
    image, words = augment(dot(20, 20), Strength(0.2, 0, 0, 0, 0), fixed(0.5, 1, 0, 0, 0, 0, 0, 0, 0))
    x, y = middle_of_light(image)
    assert (x, y) == pytest.approx((20 + 0.1 * 41, 20 + 0.2 * 41), abs=0.05)
    assert words.startswith("shift +0.100 +0.200")


def test_scale_enlarges_about_the_middle() -> None:
    x, y = middle_of_light(
        augment(dot(30, 20), Strength(0, 0.2, 0, 0, 0), fixed(0, 0, 1, 0, 0, 0, 0, 0, 0))[0]
    )
    assert (x, y) == pytest.approx((20 + 10 * 1.2, 20), abs=0.1)


def test_rotation_is_about_the_middle_by_the_degrees_said() -> None:
    image, words = augment(dot(30, 20), Strength(0, 0, 90, 0, 0), fixed(0, 0, 0, 1, 0, 0, 0, 0, 0))
    assert middle_of_light(image) == pytest.approx((20, 30), abs=0.1)  # right goes down: clockwise
    assert "rotate +90.00" in words


def test_light_and_noise_change_values_by_the_amount_said() -> None:
    gray = Image.new("RGB", (64, 64), (100, 100, 100))
    lighter = np.asarray(augment(gray, Strength(0, 0, 0, 0.3, 0), fixed(0, 0, 0, 0, 1, 0, 1, -1, 0))[0])
    assert lighter[0, 0].tolist() == [130, 140, 120]
    noisy = np.asarray(augment(gray, Strength(0, 0, 0, 0, 0.05), fixed(0, 0, 0, 0, 0, 0, 0, 0, 1))[0], float)
    assert noisy.std() == pytest.approx(255 * 0.05, rel=0.05)


def test_mirroring_is_off_or_as_frequent_as_said_and_told() -> None:
    image, turned = picture(), ImageOps.mirror(picture())
    made = [augment(image, replace(NONE, mirror=0.5), np.random.default_rng(seed)) for seed in range(40)]
    for changed, words in made:
        assert changed.tobytes() == (turned if words.endswith(", mirrored") else image).tobytes()
    assert 10 < sum(words.endswith("mirrored") for _, words in made) < 30
    plain = augment(image, SOME, np.random.default_rng(1))
    assert augment(image, replace(SOME, mirror=1.0), np.random.default_rng(1))[0].tobytes() == (
        ImageOps.mirror(plain[0]).tobytes()  # the other draws stay
    )


def test_a_picture_within_another_is_whole_and_where_it_is_said_to_be() -> None:
    white, gray = Image.new("RGB", (60, 40), "white"), Image.new("RGB", (25, 90), "gray")
    for seed in range(10):
        whole, words = put_into(gray, white, np.random.default_rng(seed))
        scale, x, y = map(float, re.fullmatch(r"scale ([\d.]+) at (\d+) (\d+) px", words).groups())
        assert whole.size == white.size and 0.3 <= scale <= 0.8
        shown = np.asarray(whole)[..., 0] == 255
        assert (
            whole.crop((x, y, x + round(60 * scale), y + round(40 * scale))).getextrema() == ((255, 255),) * 3
        )
        assert shown.sum() == round(60 * scale) * round(40 * scale)
    assert white.getextrema() == ((255, 255),) * 3, "the picture itself stays"


def test_no_border_appears_where_the_picture_has_none() -> None:
    plain = Image.new("RGB", (50, 20), (10, 200, 90))
    for seed in range(20):
        moved = augment(plain, Strength(0.3, 0.3, 30, 0, 0), np.random.default_rng(seed))[0]
        assert moved.getcolors() == [(50 * 20, (10, 200, 90))]


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((512, 256), (256, 128)), ((100, 256), (100, 256)), ((3000, 1), (256, 1)), ((48, 48), (48, 48))],
)
def test_only_large_pictures_are_scaled(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fit(picture(*size), 256).size == fitted


def test_png_keeps_every_pixel() -> None:
    assert Image.open(io.BytesIO(png(picture()))).tobytes() == picture().tobytes()
