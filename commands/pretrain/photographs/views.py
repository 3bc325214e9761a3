"""Looks at each photo of a captioned set, once: the tower's tokens of the photo itself and of changed copies.

The tower is frozen, so its tokens are computed once and training reads them from a memory map.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.lib.format import open_memmap
from PIL import Image
from torchvision.transforms import v2
from transformers import TimmWrapperModel

from commands.pretrain.photographs import tower
from common.core.errors import UserError
from common.core.images import load_image
from common.core.progress import bar

BATCH = 16  # photos
# The same individual seen anew: nearer or farther, turned, tilted, in another light, out of focus.
ANEW = v2.Compose(
    [
        v2.RandomResizedCrop(
            tower.SIZE, scale=(0.3, 0.9), ratio=(0.75, 1.33), interpolation=v2.InterpolationMode.BICUBIC
        ),
        v2.RandomHorizontalFlip(0.5),
        v2.RandomPerspective(0.3, p=0.4, fill=127),
        v2.ColorJitter(0.35, 0.3, 0.3, 0.03),
        v2.RandomApply([v2.GaussianBlur(5, (0.3, 1.5))], 0.2),
    ]
)


def rows(file: Path) -> list[dict]:
    """Rows of a Parquet of photos (column image: bytes) with captions (a list of strings)."""
    if not file.is_file():
        raise UserError(
            f"{file} is missing: give the folder that holds Flickr8k's train, dev and test.parquet"
        )
    table = pq.read_table(file)
    if not {"image", "captions"} <= set(table.column_names):
        raise UserError(f"{file} has no columns image and captions: give Flickr8k's Parquet")
    return table.select(["image", "captions"]).to_pylist()


def picture(row: dict) -> Image.Image:
    """The row's photo, RGB."""
    return load_image(row["image"]["bytes"])


@torch.no_grad()
def tokens(model: TimmWrapperModel, images: list[Image.Image]) -> np.ndarray:
    """The tower's tokens (n, 49, 1280) float16, computed in bfloat16 where that is faster by far."""
    pixels = tower.image_processor()(images, return_tensors="pt").pixel_values
    with torch.autocast("cpu", torch.bfloat16):
        seen = model(pixels.to(memory_format=torch.channels_last)).last_hidden_state
    return seen.flatten(2).permute(0, 2, 1).to(torch.float16).numpy()


def compute(found: list[dict], view: int, seed: int, target: Path) -> np.ndarray:
    """Tokens of all photos in one view, 0 being the photo itself; as a memory map of `target`.

    A run that was killed goes on where it was: rows of zeros are still to be computed.
    """
    if target.exists():
        return np.load(target, mmap_mode="r")
    part, shape = target.with_suffix(".part"), (len(found), (tower.SIZE // tower.PATCH) ** 2, tower.WIDTH)
    out = open_memmap(part, "r+" if part.exists() else "w+", np.float16, shape)
    model = tower.load().to(memory_format=torch.channels_last)
    for start in bar(range(0, len(found), BATCH), f"view {view} of {target.stem}"):
        if out[start].any():
            continue
        images = [picture(row) for row in found[start : start + BATCH]]
        if view:
            torch.manual_seed(hash((seed, view, start)))
            images = [ANEW(image) for image in images]
        out[start : start + BATCH] = tokens(model, images)
    out.flush()
    part.replace(target)
    return np.load(target, mmap_mode="r")
