"""The published conversations: who stands for whom, which photo is shown, and that answers are the chat's."""

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks import published_conversations
from benchmarks.published_conversations import Photos, cast_roles
from common import vlm
from common.assistant import Assistant, Conversation
from common.core import images, io, params, paths
from common.core.errors import UserError
from tests.support.helpers import save_photo, set_params
from tests.support.vlm_helpers import save_soft_prompts

KINDS = {
    "ana": "person",
    "cup": "object",
    "bo": "pet",
    "mam": "pet",
    "bolt": "character",
    "spire": "landmark",
}


def test_a_kind_stands_for_its_kind_and_anybody_where_there_is_none():
    roles = {"rex": ["pet"], "T": ["person", "object"], "Y": ["person", "object"], "Z": ["person"]}
    assert cast_roles(roles, KINDS) == {"rex": "bo", "T": "ana", "Y": "cup", "Z": "mam"}
    with pytest.raises(UserError, match="1 trained subjects cannot stand for 4: train more"):
        cast_roles(roles, {"bo": "pet"})


@pytest.fixture
def world(workspace: Path, tiny_llava: Path) -> Path:
    """Six trained subjects with two test photos each, and a photo of ana and bo."""
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "chat.max_new_tokens": 3,
            "subjects": {name: {"kind": kind, "source": "world"} for name, kind in KINDS.items()},
        }
    )
    save_soft_prompts(vlm.load(str(tiny_llava)), *KINDS)
    for number, name in enumerate(KINDS):
        for photo in range(2):
            save_photo(paths.test_photos(name, "world") / f"{photo}.png", 20 * number + photo)
    together = params.load().evaluate.two_subjects
    save_photo(Path(together) / "000.png", 200)
    io.write_json(Path(together) / "two_subjects.json", [{"image": "000.png", "left": "ana", "right": "bo"}])
    for words in (
        ("init", "-q"),
        ("-c", "user.name=a", "-c", "user.email=a", "commit", "-qm", "a", "--allow-empty"),
    ):
        subprocess.run(["git", *words], check=True)
    return workspace


def test_photos_are_shown_one_after_another_and_of_two_where_there_is_one(world: Path):
    photos = Photos(dict.fromkeys(KINDS, "world"), params.load().evaluate.two_subjects)
    assert photos.of("none", ["bo"]) == ("no photo", None)
    assert [photos.of("own", ["bo"]).name for _ in range(3)] == ["bo, 0.png", "bo, 1.png", "bo, 0.png"]
    assert photos.of("both", ["bo", "mam"]).name == "ana and bo, 000.png"
    assert photos.of("both", ["cup", "bo"]).name == "cup, 0.png"
    assert photos.of("other", ["spire"]).name == "bolt, 0.png"


def test_every_question_is_asked_and_answered_as_in_the_chat(world: Path):
    said = published_conversations.main()
    assert said == "22 conversations with subjects of 1 folders, reports/chat/conversations.md"
    written = published_conversations.TABLE.read_text()
    assert "seed 0" in written and "| `<mam>` | pet | `<mam>` |" in written
    block = written[written.index("\n```\n") + 5 :]
    assert len(re.findall(r"^> ", block, re.MULTILINE)) == 25 and "{" not in block
    photo = paths.test_photos("ana", "world") / "0.png"
    question = "Can you see if <ana> is in this photo?"
    *_, answer = Conversation(Assistant.of(params.load()), image=images.load_image(photo)).ask(question)
    assert f"6. ana, 0.png\n> {question}\n{answer.text}" in block
