"""Conversations and captions exchanged with MyVLM."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands.convert.__main__ import main
from common.core import io, paths, schema
from common.core.errors import UserError
from common.core.images import photo_row
from common.methods.lora.conversations import load
from common.methods.lora.settings import Conversations
from common.training import samples as train
from stages.assemble.__main__ import main as assemble
from tests.support.convert_helpers import make_subject, talk, write
from tests.support.helpers import save_photo, set_params


@pytest.fixture
def subject(workspace: Path) -> Path:
    """A workspace where `bo` has photos, conversations and a training set; its folder of train photos."""
    return make_subject()


@pytest.mark.parametrize(("kind", "name"), [("pet", "bo_"), ("person", "Bo_")])
def test_myvlm_round_trip(kind: str, name: str, subject: Path) -> None:
    set_params({"subjects.bo.kind": kind})
    before = talk("photo", "photo_sha256", "answer")
    assert main("myvlm", "bo", "root") == "root/bo_: 2 photos, 2 captions, 3 questions"
    folder = Path("root/bo_")
    for photo in ("00.png", "01.png"):
        assert (folder / photo).read_bytes() == (subject / photo).read_bytes()
    captions = {"00.png": [f"{name} is next to a box."], "01.png": [f"{name} is red, {name} is here."]}
    assert json.loads((folder / "captions.json").read_text()) == captions
    assert json.loads((folder / "captions_augmented.json").read_text()) == captions
    asked = json.loads((folder / "additional_llava_vqa_data.json").read_text())
    assert set(asked) == {str(folder / photo) for photo in captions}
    assert asked["root/bo_/01.png"] == [["What color is bo_?", "bo_ is boring and red."]]

    said = main("myvlm", "bo", "root/bo_", "--read")
    assert said.startswith("2 captions and 3 questions read")
    lost = before - talk("photo", "photo_sha256", "answer")
    assert [answer for _, _, answer in lost] == ["A dog in the city."]  # it names nobody
    assert not talk("photo", "photo_sha256", "answer") - before

    # as published: the folder's name in captions, the identifier in questions, the longer list first
    folder.rename("root/bo")
    (Path("root/bo") / "captions_augmented.json").write_text('{"00.png": ["bo in a box", "BO, boring"]}')
    (Path("root/bo") / "additional_llava_vqa_data.json").write_text('{"/x/00.png": [["is sks red?", "yes"]]}')
    main("myvlm", "bo", "root/bo", "--read")
    rows = [row for row in talk("kind", "photo", "question", "answer") if row[0] in ("qa", "caption")]
    assert set(rows) == {
        ("qa", "00.png", "is <bo> red?", "yes"),
        ("caption", "00.png", "Please caption this image of <bo>.", "<bo> in a box"),
        ("caption", "00.png", "Please caption this image of <bo>.", "<bo>, boring"),
    }
    with pytest.raises(UserError, match=r"neither captions_augmented.json nor captions.json"):
        main("myvlm", "bo", "root", "--read")


def test_myvlm_s_captions_reach_the_training_set_and_llava_s_json(subject: Path) -> None:
    Path("root/bo").mkdir(parents=True)
    with Image.open(subject / "00.png") as photo:
        photo.save("root/bo/a walk.jpg", quality=95)  # which add has made 00.png of
    Path("root/bo/captions.json").write_text('{"a walk.jpg": ["bo on a rug", "nobody here"]}')
    main("myvlm", "bo", "root/bo", "--read")
    negatives = [
        dict.fromkeys(schema.NEGATIVES.names)
        | photo_row(save_photo(Path(f"corpus/{n}.png"), 150 + n))
        | {"role": "easy", "key": f"{n}", "url": f"http://corpus.example/{n}.png"}
        for n in range(2)
    ]
    rows = [{name: row[name] for name in schema.NEGATIVES.names} for row in negatives]
    io.write_parquet(paths.negatives("bo"), rows, schema.NEGATIVES, ["key"])
    save_photo(paths.test_photos("bo", "own") / "0.png", 200)
    set_params({"assemble.captions": True})
    assemble()
    main("llava", "bo", "out/bo.json")
    items = json.loads(Path("out/bo.json").read_text())
    (caption,) = [item for item in items if item["conversations"][1]["value"] == "<bo> on a rug"]
    assert Image.open(Path("out", caption["image"])).tobytes() == Image.open(subject / "00.png").tobytes()
    assert caption["conversations"][0]["value"] == "<image>\nPlease caption this image of <bo>."

    # which LoRA learns, from the pipeline's training set and from the file
    question = "Please caption this image of <bo>."
    rows = train.read_rows(paths.dataset("bo"), conversations=True, hard=True, easy=True)
    own = train.TrainingSet.of(rows, balance=False)
    (sample,) = [one for one in own.training if one.answer == "<bo> on a rug"]
    assert sample.question == question and sample.image is not None
    pictures, items = load(Conversations(file="out/bo.json"), 0, 0, np.random.default_rng(0))
    (item,) = [one for one in items if tuple(one.turns) == ((question, "<bo> on a rug"),)]
    assert pictures[item.images[0]].tobytes() == Image.open(subject / "00.png").tobytes()


def test_captions_of_the_model_as_it_was_go_with_myvlm_s_data(subject: Path) -> None:
    main("myvlm", "bo", "plain")
    assert not list(Path("plain/bo_").glob("original*"))  # nobody knows what the model said
    rows = io.read_parquet(paths.conversations("bo"), schema.CONVERSATIONS).to_pylist()
    for row in rows:
        row["raw_answer"] = "A dog next to a box." if row["photo"] == "00.png" else None
    write(paths.conversations("bo"), rows, schema.CONVERSATIONS, ["photo", "turn"])
    main("myvlm", "bo", "root")
    found = json.loads(Path("root/bo_/original_llava_captions.json").read_text())
    assert found == {"root/bo_/00.png": ["A dog next to a box."] * 2}
    main("myvlm", "bo", "root/bo_", "--read")
    rows = io.read_parquet(paths.conversations("bo"), schema.CONVERSATIONS).to_pylist()
    assert not any(row["raw_answer"] for row in rows if row["kind"] == "caption")
