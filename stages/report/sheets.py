"""Contact sheets: one PNG per chosen subject with its train photos, hardest negatives and wrong answers.

Drawn with Pillow and its built-in font, so that bytes depend on the pinned Pillow alone.
"""

import base64
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from common.core import images

TILE, GAP, HEAD, FOOT = 112, 10, 26, 20
INK, SOFT, PAPER = (29, 33, 39), (98, 106, 117), (255, 255, 255)


def choose(worst_first: Sequence[str]) -> dict[str, str]:
    """The subjects shown, by file name: names say the place, so that they stay when subjects change."""
    places = {"1-lowest": 0, "2-middle": len(worst_first) // 2, "3-highest": len(worst_first) - 1}
    return {f"{place}.png": worst_first[at] for place, at in places.items()}


def contact_sheet(view: dict[str, Any], columns: int) -> bytes:
    """PNG bytes for one subject's view (subject_view.py), at most `columns` pictures in a row."""
    rows = [
        ("learned from", [(uri, "") for uri in view["train"]]),
        ("hardest negatives, CLIP similarity", [(n["image"], f"{n['score']:.3f}") for n in view["hardest"]]),
        ("wrong answers, P(yes)", [(w["image"], f"{w['against']} {w['p_yes']:.2f}") for w in view["wrong"]]),
    ]
    height = HEAD + sum(HEAD + TILE + FOOT for _ in rows) + GAP
    sheet = Image.new("RGB", (GAP + columns * (TILE + GAP), height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, 7), f"<{view['id']}>  {view['kind']}", INK, ImageFont.load_default(16))
    top = HEAD
    for title, tiles in rows:
        draw.text((GAP, top + 8), title if tiles else f"{title}: none", SOFT, ImageFont.load_default(13))
        for i, (uri, caption) in enumerate(tiles[:columns]):
            picture = images.load_image(base64.b64decode(uri.partition(",")[2]))
            left = GAP + i * (TILE + GAP)
            sheet.paste(picture.resize(_fitted(picture.size)), (left, top + HEAD))
            draw.text((left, top + HEAD + TILE + 3), caption, INK, ImageFont.load_default(12))
        top += HEAD + TILE + FOOT
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _fitted(size: tuple[int, int]) -> tuple[int, int]:
    scale = TILE / max(size)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
