"""What bad use of the chat gets: one sentence each, and the talk goes on."""

import io
from pathlib import Path

import pytest
from PIL import Image

from commands.chat.__main__ import main
from common import vlm
from common.assistant.hints import ALONE, NO_PHOTO
from tests.support.add_helpers import HEIC
from tests.support.helpers import save_photo, set_params
from tests.support.vlm_helpers import save_soft_prompts


@pytest.fixture
def trained(workspace: Path, base: vlm.Base) -> None:
    """A workspace where bo and mam are trained, and rex is not."""
    subjects = {name: {"kind": "pet", "source": "world"} for name in ("bo", "mam", "rex")}
    set_params({"base.vlm.model": base.name, "chat.max_new_tokens": 3, "subjects": subjects})
    save_soft_prompts(base, "bo", "mam")


@pytest.mark.usefixtures("trained")
def test_each_mistake_is_one_sentence_and_the_talk_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("1", (12_000, 9_000)).save("large.png")
    Path("words.png").write_bytes(b"just words")
    Path("phone.heic").write_bytes(HEIC)
    first, second = save_photo(Path("first.png"), 20), save_photo(Path("second.png"), 200)
    lines = {
        "Is <bo> in this photo?": NO_PHOTO,
        "And what color is it?": ALONE,
        "Who is <Bo>?": "error: <Bo> is unknown, for this is about <bo>, <mam>, <rex>: write <bo>",
        "Who is <rex>?": "error: soft_prompt has not learned rex yet: run `dvc repro train@rex`",
        "/image large.png": "error: large.png has 12,000 x 9,000 pixels",
        "/image words.png": "error: words.png is not an image that can be read",
        f"/image {first} {second}": "error: first.png second.png are 2 photos: name one",
        f"/image '{first}'": None,
        "/image phone.heic": None,
        "Is <bo> in this photo? ": None,
        "/method lora": "error: lora has not learned bo yet: run `dvc repro fit_baseline@lora`",
        "/method wrods": "error: wrods is no method",
        "Is <mam> in this photo?": None,
    }
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert main("bo") == "4 answered"
    told = capsys.readouterr().err.splitlines()
    expected = [sentence for sentence in lines.values() if sentence]
    assert len(told) == len(expected), told
    for line, sentence in zip(told, expected, strict=True):
        assert line.startswith(sentence), (line, sentence)
