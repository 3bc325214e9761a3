"""What the tests of add share: drawn photos, and the command as a user gives it."""

import base64
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.core import images
from tests.support.helpers import run_here

PHOTOS = Path("photos")
BO = Path("data/subjects/my-dog")
# 64 x 32, red on the left and blue on the right
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJp"
    "bG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAACUAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAAB"
    "AAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEA"
    "AQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAA"
    "FGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhp"
    "cG1hAAAAAAAAAAEAAQWBAgMFhAAAAC1tZGF0AAAAISgBrxmA70mlv//ihh/5rWv+v7IX//LxJ34ken/W5ENtbw=="
)


def draw(path: Path, number: int, side: int = 60, **options: object) -> Path:
    """Save a picture of large patches, as unlike that of every other number as two photos are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(number)
    patches = random.integers(20, 236, (6, 6, 1)) + random.integers(-20, 20, (6, 6, 3))
    Image.fromarray(patches.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC).save(
        path, **options
    )
    return path


@pytest.fixture(autouse=True)
def _photos(workspace: Path):
    for number in range(8):
        draw(PHOTOS / f"{number}.png", number)


def added(*words: str) -> str:
    """What add prints when it succeeds."""
    done = run_here("add", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def refused(*words: str) -> str:
    """The last line of a refusal, which changes nothing."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    done = run_here("add", *words)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return done.stderr.splitlines()[-1]


def pixels(folder: Path) -> set[str]:
    return {images.pixel_sha256(images.load_image(path)) for path in images.list_photos(folder)}
