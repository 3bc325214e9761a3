"""Yo'LLaVA's training JSONs: written under both naming schemes, read back, and refused with a sentence."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from commands.convert.__main__ import main
from common import vlm
from common.core import paths, schema
from common.core.errors import UserError
from common.methods.lora.conversations import load, sequences
from common.methods.lora.settings import Conversations
from common.vlm.suffix import IGNORE
from tests.support.convert_helpers import make_subject, samples, talk, write

SCHEMES = {
    "yollava": (
        "training-data",
        "positive_recognition negative_recognition-laion negative_recognition-random-imgs",
    ),
    "yollava-example": (
        "example_training_data",
        "recognition_positive recognition_negative-laion recognition_negative-cc12m",
    ),
}


@pytest.fixture
def subject(workspace: Path) -> Path:
    """A workspace where `bo` has photos, conversations and a training set; its folder of train photos."""
    return make_subject()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_yollava_round_trip(scheme: str, subject: Path) -> None:
    folder, names = SCHEMES[scheme]
    columns = ("task", "role", "image_sha256", "label", "question", "answer")
    before, spoken = samples("train", *columns), talk("kind", "question", "answer")
    assert main(scheme, "bo", "out") == f"out/{folder}/bo: 4 positive, 3 hard, 1 easy, 3 text"
    found = {path.stem: json.loads(path.read_text()) for path in Path("out", folder, "bo").glob("*.json")}
    assert set(found) == {*names.split(), "text-only-conversation"}
    for name, entries in found.items():
        for key, turns in entries.items():
            assert key.startswith(f"./{folder}/bo/")
            assert Path("out", key).is_file()  # text-only questions hang on an image as well
            # how the original's validation tells negatives
            assert ("laion" in key or "random-imgs" in key) == name.startswith(
                ("negative", "recognition_negative")
            )
            assert all(set(turn) == {"Human", "AI"} for turn in turns)

    said = main(scheme, "bo", "out", "--read")
    assert said.startswith(
        "11 samples read, 3 of them without an image (keep it: `dvc commit -f assemble synthesize`, undo"
    )
    assert samples("train", *columns) == before
    pictures = {(sha256, label) for _, _, sha256, label, _, _ in before if label}
    question = "Can you see <bo> in this photo? Answer the question using a single word or phrase."
    expected = Counter((sha256, label, question, label.title()) for sha256, label in pictures)
    assert samples("validation", "image_sha256", "label", "question", "answer") == expected
    assert talk("kind", "question", "answer") == spoken
    from common.training import samples as train

    assert train.read_rows(paths.dataset("bo"), conversations=True, hard=True, easy=True)  # as training does


def test_yollava_s_jsons_become_llava_s_and_a_lora_s_training_set(subject: Path, tiny_llava: Path) -> None:
    main("yollava-example", "bo", "out")
    before = samples("train", "image_sha256", "question", "answer")
    write(paths.dataset("bo"), [], schema.DATASET, ["sample"])  # all is in the JSONs
    main("yollava-example", "bo", "out", "--read")
    main("llava", "bo", "out/bo.json")
    pictures, items = load(Conversations(file="out/bo.json"), 0, 0, np.random.default_rng(0))
    learned = Counter(turn for item in items for turn in item.turns)
    assert learned == Counter((question, answer) for _, question, answer in before.elements())
    assert sum(len(item.images) for item in items) == sum(bool(sha256) for sha256, *_ in before.elements())
    assert len(pictures) == len({sha256 for sha256, *_ in before} - {None})
    base = vlm.load(str(tiny_llava))
    for item, made in zip(items, sequences(base, items, pictures), strict=True):
        answer = [i for i, label in zip(made.ids, made.labels, strict=True) if label != IGNORE]
        assert base.tokenizer.decode(answer[:-1]).strip() == item.turns[0][1]


def test_yollava_without_its_images_or_roles(subject: Path) -> None:
    main("yollava", "bo", "out")
    folder = Path("out/training-data/bo")
    text = folder / "text-only-conversation.json"
    entries = {
        f"./data/absent/{i}.png": turns for i, turns in enumerate(json.loads(text.read_text()).values())
    }
    text.write_text(json.dumps(entries))  # as the published file is
    (folder / "negative_recognition-random-imgs.json").unlink()
    assert main("yollava", "bo", "out", "--read").startswith("10 samples read, 3 of them")

    positives = folder / "positive_recognition.json"
    good = positives.read_text()
    for bad, reason in [
        ('{"a.png": [{"Human": "Q"}]}', r"positive_recognition.json, a.png.0.AI: Field required; .* mend"),
        ('{"a.png": [{"Human": "Q",}]}', "Invalid JSON"),
        (good.replace("positive/", "lost/"), r"lost/.*png cannot be opened"),
        ("{}", "needs positive_recognition.json and"),
    ]:
        positives.write_text(bad)
        with pytest.raises(UserError, match=reason):
            main("yollava", "bo", "out", "--read")
    for path in folder.glob("*.json"):
        path.write_text(path.read_text().replace("<bo>", "<rex>"))
    positives.write_text(good.replace("<bo>", "<rex>"))
    with pytest.raises(UserError, match="<rex> is unknown, for this is about <bo>"):
        main("yollava", "bo", "out", "--read")
    for path in folder.glob("*.json"):
        path.write_text(path.read_text().replace("<rex>", "it"))
    with pytest.raises(UserError, match="names <bo>: use the id"):
        main("yollava", "bo", "out", "--read")


@pytest.mark.parametrize("name", ["conversation", "detail_description"])
def test_yollava_talk_with_the_photo_is_learned_with_it(name: str, subject: Path) -> None:
    main("yollava", "bo", "out")
    folder = Path("out/training-data/bo")
    key = next(iter(json.loads((folder / "positive_recognition.json").read_text())))
    (folder / f"{name}.json").write_text(
        json.dumps({key: [{"Human": "What is <bo> doing?", "AI": "<bo> sleeps."}]})
    )
    assert main("yollava", "bo", "out", "--read").startswith("12 samples read, 3 of them without an image")
    columns = ("task", "role", "label", "image_sha256", "question", "answer")
    (shown,) = [row for row in samples("train", *columns) if row[:2] == ("conversation", "positive")]
    assert shown[2] is None and shown[3] and shown[4:] == ("What is <bo> doing?", "<bo> sleeps.")
    assert sum(samples("validation", "label").values()) == 8  # each picture once
    assert main("yollava", "bo", "again").endswith("3 text, 1 conversation")
    written = json.loads(Path("again/training-data/bo/conversation.json").read_text())
    assert list(written.values()) == [[{"Human": "What is <bo> doing?", "AI": "<bo> sleeps."}]]


def test_yollava_images_come_from_its_folder_alone(subject: Path, tmp_path: Path) -> None:
    main("yollava", "bo", "out")
    positives = Path("out/training-data/bo/positive_recognition.json")
    good = positives.read_text()
    key = next(iter(json.loads(good)))
    (tmp_path / "secret.png").write_bytes((subject / "00.png").read_bytes())
    for elsewhere in ("../secret.png", str(tmp_path / "secret.png"), "training-data/../../secret.png"):
        positives.write_text(good.replace(key, elsewhere))
        with pytest.raises(UserError, match="names a file outside out"):
            main("yollava", "bo", "out", "--read")
    Path("out/linked.png").symlink_to(tmp_path / "secret.png")
    positives.write_text(good.replace(key, "linked.png"))
    with pytest.raises(UserError, match="names a file outside out"):
        main("yollava", "bo", "out", "--read")


def test_yollava_published_names_mean_the_subject(subject: Path) -> None:
    main("yollava", "bo", "out")
    for path in Path("out/training-data/bo").glob("*.json"):
        path.write_text(path.read_text().replace("<bo>", "<sks>"))
    before = samples("train", "question", "answer")
    main("yollava", "bo", "out", "--read")
    assert samples("train", "question", "answer") == before
