"""Where a subject is: asked of a tiny MiniGPT-v2, read strictly, drawn on the photo."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from commands.refer.__main__ import main
from commands.refer.boxes import parse
from common.core.errors import UserError
from tests.support import tiny
from tests.support.families import BUILDERS
from tests.support.helpers import save_photo, set_params

BOX = "{<10><20><50><100>}"


@pytest.mark.parametrize(
    ("said", "box"),
    [
        (BOX, (10, 20, 50, 100)),
        (f" {BOX} ", (10, 20, 50, 100)),
        ("{<0><0><100><100>}", (0, 0, 100, 100)),
        (f"It is at {BOX}", None),
        (f"<p>sks</p> {BOX}", None),
        (f"{BOX}<delim>{BOX}", None),
        ("{<10><20><50>}", None),
        ("{<10><20><50><101>}", None),
        ("{<50><20><10><100>}", None),
        ("{<10><20><10><100>}", None),
        ("{<-1><20><10><100>}", None),
        ("10 20 50 100", None),
        ("", None),
    ],
)
def test_only_one_box_on_the_grid_counts(said: str, box: tuple[int, ...] | None) -> None:
    assert parse(said) == box


@torch.no_grad()
def say_the_box(folder: Path) -> None:
    """Let the model say one box after every question: each token alone decides what follows it."""
    processor = AutoProcessor.from_pretrained(folder)
    processor.tokenizer.add_tokens([BOX])
    before = processor.tokenizer(" [/INST]").input_ids[-1]
    chain = [before, *processor.tokenizer.convert_tokens_to_ids([BOX, "</s>"])]
    model = AutoModelForImageTextToText.from_pretrained(folder)
    for layer in model.model.language_model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    model.model.language_model.norm.weight.fill_(1)
    table, head = model.get_input_embeddings().weight, model.lm_head.weight
    head.zero_()
    for now, following in pairwise(chain):
        head[following] = table[now]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


@pytest.fixture
def model(workspace: Path) -> Path:
    folder = BUILDERS["minigpt_v2"](workspace / "model")
    set_params({"base.vlm.model": str(folder), "base.vlm.system": "", "chat.max_new_tokens": 8})
    return folder


def test_the_box_is_drawn_on_the_photo(model: Path) -> None:
    say_the_box(model)
    photo = save_photo(Path("photo.png"), 7, (200, 100))
    said = main("bo", str(photo), "drawn.png", "--method", "base")
    with Image.open("drawn.png") as drawn, Image.open(photo) as before:
        width, height = before.size
        left, top, right, bottom = width // 10, height // 5, width // 2, height
        assert said == f"drawn.png: <bo> from ({left}, {top}) to ({right}, {bottom})"
        changed = np.any(np.asarray(drawn) != np.asarray(before.convert("RGB")), -1)
    rows, columns = np.nonzero(changed)
    assert (columns.min(), rows.min(), columns.max()) == (left, top, right)
    assert not changed[top + 5 : bottom - 5, left + 5 : right - 5].any()  # what it holds stays visible


def test_what_is_no_box_is_an_error_and_nothing_is_drawn(model: Path) -> None:
    photo = save_photo(Path("photo.png"), 7, (200, 100))
    with pytest.raises(UserError, match=r"photo\.png: the answer '.*' is no box: try another"):
        main("bo", str(photo), "drawn.png", "--method", "base")
    with pytest.raises(UserError, match="soft_prompt has not learned bo yet"):
        main("bo", str(photo), "drawn.png")
    set_params({"base.vlm.model": str(tiny.llava(Path("llava")))})
    with pytest.raises(UserError, match=r"a model of type llava, and boxes are said by minigpt_v2: make one"):
        main("bo", str(photo), "drawn.png", "--method", "base")
    assert not Path("drawn.png").exists()
