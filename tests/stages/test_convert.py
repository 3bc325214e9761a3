"""Data exchanged with other systems: what is written comes back, in their names and forms."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stages.assemble import dataset
from stages.assemble.augment import Strength
from stages.convert.__main__ import main
from stages.core import io, paths, schema
from stages.core.errors import UserError
from stages.core.images import load_image, photo_row
from tests.helpers import run_stage, save_photo, set_params
from tests.vlm_helpers import noise_images

TALK = [  # kind, photo, question, answer
    ("qa", "00.png", "What color is <bo>?", "<bo> is red."),
    ("qa", "00.png", "What is <bo>?", 'A "dog" ünter a box.'),
    ("qa", "01.png", "What color is <bo>?", "<bo> is boring and red."),
    ("caption", "00.png", "Describe <bo>.", "<bo> is next to a box."),
    ("caption", "00.png", "Write a caption.", "A dog in the city."),
    ("caption", "01.png", "Describe <bo>.", "<bo> is red, <bo> is here."),
]
DESCRIPTIONS = [
    ("description_short", None, "Describe <bo>.", "<bo> is red."),
    ("description_long", None, "Describe <bo>.", "<bo> is red. It sits."),
    ("dropped", "01.png", "Who?", None),
]
Row = dict[str, Any]


@pytest.fixture
def subject(workspace: Path) -> Path:
    """A workspace where `bo` has photos, conversations and a training set; its folder of train photos."""
    set_params({"subjects": {"bo": {"kind": "pet", "source": "own"}}})
    folder = paths.train_photos("bo", "own")
    photos = [photo_row(save_photo(folder / f"{i:02d}.png", 50 * i)) for i in range(2)]
    spoken = [
        dict(zip(("kind", "photo", "question", "answer"), row, strict=True))
        | {"turn": turn, "photo_sha256": next((p["sha256"] for p in photos if row[1] in p["source"]), None)}
        for turn, row in enumerate(TALK + DESCRIPTIONS, 3)
        if row[1]
    ] + [dict(zip(("kind", "photo", "question", "answer"), row, strict=True)) for row in DESCRIPTIONS[:2]]
    write(paths.conversations("bo"), spoken, schema.CONVERSATIONS, ["photo", "turn"])

    pictures = [
        dataset.Picture("positive", load_image(p["image"]["bytes"]), p["source"], p["sha256"]) for p in photos
    ]
    others = [
        dataset.Picture(role, image, f"http://corpus.example/{i}.png", f"{i}", 0.5)
        for i, (role, image) in enumerate(zip(["hard", "hard", "easy"], noise_images(3), strict=True))
    ]
    recipe = dataset.Recipe(0, 32, 2, Strength(0.1, 0.1, 5, 0.1, 0.01))
    rows = dataset.rows("bo", pictures, others, [row for row in spoken if row["kind"] == "qa"], recipe)
    write(paths.dataset("bo"), rows, schema.DATASET, ["sample"])
    return folder


def write(path: Path, rows: list[Row], columns: Any, sort_by: list[str]) -> None:
    io.write_parquet(path, [dict.fromkeys(columns.names) | row for row in rows], columns, sort_by)


def talk(*columns: str) -> Counter:
    """The chosen columns of all conversations."""
    rows = io.read_parquet(paths.conversations("bo"), schema.CONVERSATIONS).to_pylist()
    return Counter(tuple(row[column] for column in columns) for row in rows)


def samples(split: str, *columns: str) -> Counter:
    """The chosen columns of the training set."""
    rows = io.read_parquet(paths.dataset("bo"), schema.DATASET).to_pylist()
    return Counter(tuple(row[column] for column in columns) for row in rows if row["split"] == split)


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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_yollava_round_trip(scheme: str, subject: Path) -> None:
    folder, names = SCHEMES[scheme]
    columns = ("task", "role", "image_sha256", "label", "question", "answer")
    before, spoken = samples("train", *columns), talk("kind", "question", "answer")
    assert main(scheme, "bo", "out") == f"out/{folder}/bo: 4 positive, 2 hard, 1 easy, 3 text"
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
        "10 samples read, 3 of them without an image (keep it: `dvc commit -f assemble synthesize`, undo"
    )
    assert samples("train", *columns) == before
    pictures = {(sha256, label) for _, _, sha256, label, _, _ in before if label}
    question = "Can you see <bo> in this photo? Answer the question using a single word or phrase."
    expected = Counter((sha256, label, question, label.title()) for sha256, label in pictures)
    assert samples("validation", "image_sha256", "label", "question", "answer") == expected
    assert talk("kind", "question", "answer") == spoken
    from stages.train import samples as train

    assert train.read(paths.dataset("bo"), conversations=True, hard=True, easy=True)  # as training does


def test_yollava_without_its_images_or_roles(subject: Path) -> None:
    main("yollava", "bo", "out")
    folder = Path("out/training-data/bo")
    text = folder / "text-only-conversation.json"
    entries = {
        f"./data/absent/{i}.png": turns for i, turns in enumerate(json.loads(text.read_text()).values())
    }
    text.write_text(json.dumps(entries))  # as the published file is
    (folder / "negative_recognition-random-imgs.json").unlink()
    assert main("yollava", "bo", "out", "--read").startswith("9 samples read, 3 of them")

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
    with pytest.raises(UserError, match="names <bo>: use the id"):
        main("yollava", "bo", "out", "--read")


def test_llava_round_trip(subject: Path) -> None:
    before, spoken = samples("train", "question", "answer"), talk("kind", "question", "answer")
    assert main("llava", "bo", "out/bo.json") == "out/bo.json: 10 conversations, 7 of them with an image"
    items = json.loads(Path("out/bo.json").read_text())
    written = Counter()
    for item in items:
        human, gpt = item["conversations"]
        assert (human["from"], gpt["from"]) == ("human", "gpt")
        assert human["value"].startswith("<image>\n") == ("image" in item)
        if "image" in item:
            Image.open(Path("out", item["image"])).verify()
        written[human["value"].removeprefix("<image>\n"), gpt["value"]] += 1
    assert written == before and len({item["id"] for item in items}) == len(items)

    said = main("llava", "bo", "out/bo.json", "--read")
    assert said.startswith(
        "3 questions read, 7 items about other images left (keep it: `dvc commit -f synthesize`"
    )
    assert talk("kind", "question", "answer") == spoken


def test_llava_about_the_train_photos(subject: Path) -> None:
    turns = [
        ("human", "What?\n<image>"),
        ("gpt", " A dog. "),
        ("human", "Is <bo> red?"),
        ("gpt", "<bo> is red."),
    ]
    item = {"image": "x/01.png", "conversations": [{"from": who, "value": text} for who, text in turns]}
    Path("a.json").write_text(json.dumps([item | {"id": "1", "more": 3}]))
    assert main("llava", "bo", "a.json", "--read").startswith("2 questions read, 0 items")
    sha256 = io.sha256_file(subject / "01.png")
    rows = talk("kind", "photo", "photo_sha256", "question", "answer", "turn")
    assert {row for row in rows if row[0] == "qa"} == {
        ("qa", "01.png", sha256, "What?", "A dog.", 0),
        ("qa", "01.png", sha256, "Is <bo> red?", "<bo> is red.", 1),
    }
    assert {kind for (kind,) in talk("kind")} == {
        "qa",
        "caption",
        "dropped",
        "description_short",
        "description_long",
    }
    for bad, reason in [
        ([item | {"conversations": item["conversations"][:3]}], "item 0: human and gpt must alternate"),
        ([{"conversations": [{"from": "user", "value": "a"}]}], "0.conversations.0.from"),
        ({}, "valid array"),
        ([item | {"image": "other.png"}], "nothing was found"),
    ]:
        Path("a.json").write_text(json.dumps(bad))
        with pytest.raises(UserError, match=reason):
            main("llava", "bo", "a.json", "--read")
    with pytest.raises(UserError, match="no suffix"):
        main("llava", "bo", "out")


def test_jsonl_round_trip(subject: Path) -> None:
    columns = ("kind", "photo", "photo_sha256", "question", "answer")
    before = talk(*columns)
    assert main("jsonl", "bo", "out") == "out/question.jsonl and answer.jsonl, 6 lines each"
    questions, answers = (
        [json.loads(line) for line in Path(f"out/{name}.jsonl").read_text().splitlines()]
        for name in ("question", "answer")
    )
    assert questions[0] == {
        "question_id": 0,
        "image": "00.png",
        "text": "What color is <bo>?",
        "category": "qa",
    }
    assert set(answers[0]) == {"question_id", "prompt", "text", "answer_id", "model_id", "metadata"}
    assert answers[0]["prompt"] == "What color is <bo>?" and answers[0]["text"] == "<bo> is red."
    assert answers[0]["model_id"] == "models/base/llava" and answers[0]["metadata"] == {}
    assert len({answer["answer_id"] for answer in answers}) == 6
    first = Path("out/answer.jsonl").read_bytes()

    assert main("jsonl", "bo", "out", "--read").startswith("6 answers read, 0 questions")
    assert talk(*columns) == before
    main("jsonl", "bo", "again")
    assert Path("again/answer.jsonl").read_bytes() == first

    Path("out/answer.jsonl").write_text(json.dumps(answers[1]) + "\n\n")
    assert main("jsonl", "bo", "out", "--read").startswith("1 answers read, 5 questions")
    for bad, reason in [
        (answers[1:2] * 2, "has question_id 1 twice"),
        ([answers[0] | {"question_id": 77}], "answers 77, which question.jsonl does not ask"),
        ([answers[0], {"question_id": 1}], r"answer.jsonl line 2, text: Field required"),
        ([], "nothing was found"),
    ]:
        Path("out/answer.jsonl").write_text("\n".join(map(json.dumps, bad)))
        with pytest.raises(UserError, match=reason):
            main("jsonl", "bo", "out", "--read")


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


def test_nothing_is_written_over(subject: Path) -> None:
    for place, words in [
        ("out/training-data/bo", ("yollava", "bo", "out")),
        ("out/bo.json", ("llava", "bo", "out/bo.json")),
        ("out/ana/x", ("llava", "bo", "out/ana.json")),
        ("out/answer.jsonl", ("jsonl", "bo", "out")),
        ("out/bo_", ("myvlm", "bo", "out")),
    ]:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text("mine")
        with pytest.raises(UserError, match="exists already"):
            main(*words)
        assert Path(place).read_text() == "mine"


def test_what_is_missing_is_named(subject: Path) -> None:
    with pytest.raises(UserError, match="lists no subject rex"):
        main("jsonl", "rex", "out")
    for words in [("jsonl", "bo", "absent"), ("llava", "bo", "absent.json")]:
        with pytest.raises(UserError, match=r"absent.* cannot be opened"):
            main(*words, "--read")
    with pytest.raises(UserError, match=r"absent/training-data/bo needs positive_recognition.json"):
        main("yollava", "bo", "absent", "--read")
    paths.conversations("bo").rename("kept.parquet")
    for words in [("jsonl", "bo", "out"), ("yollava", "bo", "out")]:
        if words[0] == "yollava":
            main(*words)
            words = (*words, "--read")
        with pytest.raises(UserError, match=r"conversations/bo.parquet is missing: run `dvc repro`"):
            main(*words)


def test_help_explains_every_format(workspace: Path) -> None:
    shown = run_stage("convert", "--help")
    assert shown.returncode == 0
    text = " ".join(shown.stdout.split())
    for part in ("-token.pt", "training JSONs", "conversation JSON", "six fields", "captions.json", "vLLM"):
        assert part in text
    failed = run_stage("convert", "jsonl", "bo", "absent", "--read")
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1 and "absent" in failed.stderr
    assert run_stage("convert", "huggingface", "bo", "out", "--read").returncode == 2  # there is no way back
