"""Odd words and requests, and damaged files between stages: a sentence each, or a counted row."""

import json
from pathlib import Path

import faiss
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from commands.chat.__main__ import main as chat
from commands.convert.__main__ import main as convert
from commands.page.guard import Guard
from common.core import io, paths
from common.core.errors import UserError
from common.core.models import refuse_other_side
from stages.retrieve.corpus import LocalIndex
from tests.support.convert_helpers import make_subject, talk


@pytest.fixture(autouse=True)
def in_workspace(workspace: Path) -> None:
    """All tests run in a folder of their own."""


def test_a_photo_without_a_name_is_not_taken_for_no_photo():
    """As of `--image "$PHOTO"` where the variable is not set."""
    with pytest.raises(UserError, match="--image is empty: name a photo, or leave it out"):
        chat("bo", "--image", "", "--question", "Is <bo> here?")


def test_what_moves_a_terminal_is_no_text_to_learn_from():
    make_subject()
    texts = ["Is <bo> red?", "\x1b[2J <bo>?", "a\0 <bo>?"]
    items = [
        {"conversations": [{"from": "human", "value": text}, {"from": "gpt", "value": "Yes."}]}
        for text in texts
    ]
    Path("a.json").write_text(json.dumps(items))
    assert "2 that are no UTF-8 left" in convert("llava", "bo", "a.json", "--read")
    assert {row for row in talk("kind", "question", "answer") if row[0] == "qa"} == {
        ("qa", "Is <bo> red?", "Yes.")
    }


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"nonsense"])
def test_vectors_that_are_none_are_refused(data: bytes):
    index = faiss.IndexFlatIP(4)
    index.add(np.eye(4, dtype=np.float32))
    io.write_bytes(paths.INDEX_IMAGES, faiss.serialize_index(index).tobytes())
    io.write_bytes(paths.INDEX_EMBEDDINGS, data)
    with pytest.raises(UserError, match=r"data/index cannot be read .*run `dvc repro index`"):
        LocalIndex(None, {})


def test_a_processor_of_another_model_is_refused(tiny_llava: Path):
    from transformers import AutoConfig, AutoProcessor

    processor, config = AutoProcessor.from_pretrained(tiny_llava), AutoConfig.from_pretrained(tiny_llava)
    refuse_other_side("vlm", "mine", processor, config)
    processor.image_processor.crop_size = {"height": 48, "width": 48}
    with pytest.raises(
        UserError, match=r"mine makes pictures of 48 x 48 pixels, and its config.json expects 24"
    ):
        refuse_other_side("vlm", "mine", processor, config)


def test_a_request_for_an_event_that_the_page_does_not_have_is_one_line(capsys: pytest.CaptureFixture[str]):
    import gradio

    with gradio.Blocks() as blocks:
        gradio.Textbox().change(str.upper, None, None)
    app = Guard(gradio.mount_gradio_app(FastAPI(), blocks, path="/"), ["127.0.0.1:7860"])
    client = TestClient(app, base_url="http://127.0.0.1:7860")
    known = {"data": [], "session_hash": "x"}
    for path, asked in (("queue/join", known | {"fn_index": 10**9}), ("run/predict", {"data": []})):
        assert client.post(f"/gradio_api/{path}", json=asked).status_code == 500
    told = capsys.readouterr().err
    assert told.count("\n") == told.count("a request that the page does not send was refused") == 2
