"""The kept form of downloaded pictures: scaled once, RGB, upright, without metadata, and thick enough."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from common.core.images import load_image, pixel_sha256
from common.core.io import sha256_bytes
from common.corpus import web
from tests import hostile
from tests.support.pictures import encode

LIMITS = web.DownloadLimits(3.0, 0, 2**20, 10**6, 64, 2, 10, per_host=16, agent="personal-vlm/test")


def test_plain_small_pictures_stay_byte_for_byte():
    for form in ("PNG", "JPEG"):
        data = hostile.picture(5, form)
        kept = web.keep(data, LIMITS)
        assert kept.data == data and kept.sha256 == sha256_bytes(data)


def test_large_pictures_are_scaled_once():
    large = hostile.picture(5, size=(300, 100))
    kept = web.keep(large, LIMITS)
    assert kept.original_sha256 == sha256_bytes(large) != kept.sha256
    assert kept.image.size == (64, 21)
    assert pixel_sha256(load_image(kept.data)) == pixel_sha256(kept.image)
    assert web.keep(kept.data, LIMITS).data == kept.data


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_other_color_modes_become_rgb(mode):
    image = Image.open(io.BytesIO(hostile.picture(6))).convert(mode)
    kept = web.keep(encode(image, "JPEG" if mode == "CMYK" else "PNG"), LIMITS)
    assert Image.open(io.BytesIO(kept.data)).mode == "RGB"


def test_rotation_is_applied_and_exif_is_not_kept():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x8825] = {1: "N"}  # where it was taken
    image = Image.open(io.BytesIO(hostile.picture(6, size=(60, 20))))
    kept = web.keep(encode(image, "JPEG", exif=exif), LIMITS)
    assert kept.image.size == (20, 60)
    assert not Image.open(io.BytesIO(kept.data)).getexif()


def test_a_picture_that_would_be_kept_too_thin_is_counted():
    data = hostile.picture(9, size=(400, 41))
    with pytest.raises(web.Unusable, match="extreme shape"):
        web.keep(data, replace(LIMITS, max_side=64, max_aspect=20))
    assert min(web.keep(data, replace(LIMITS, max_side=128, max_aspect=20)).image.size) == 13
