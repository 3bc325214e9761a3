"""Conversations exchanged with other systems: what is written comes back, in their names and forms."""

import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from commands.convert.__main__ import main
from common.core import io, paths
from common.core.errors import UserError
from tests.support.convert_helpers import make_subject, samples, talk
from tests.support.helpers import run_here


@pytest.fixture
def subject(workspace: Path) -> Path:
    """A workspace where `bo` has photos, conversations and a training set; its folder of train photos."""
    return make_subject()


def test_llava_round_trip(subject: Path) -> None:
    before, spoken = samples("train", "question", "answer"), talk("kind", "question", "answer")
    assert main("llava", "bo", "out/bo.json") == "out/bo.json: 11 conversations, 8 of them with an image"
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
        "3 questions read, 8 items about other images left (keep it: `dvc commit -f synthesize`"
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
        ({}, "valid list"),
        ([item | {"conversations": nobody(item)}], "no text names <bo>"),
        ([item | {"conversations": nobody(item, "<rex>")}], "<rex> is unknown, for this is about <bo>"),
        ([item | {"image": "other.png"}], "nothing was found"),
    ]:
        Path("a.json").write_text(json.dumps(bad))
        with pytest.raises(UserError, match=reason):
            main("llava", "bo", "a.json", "--read")
    with pytest.raises(UserError, match="no suffix"):
        main("llava", "bo", "out")


def nobody(item: dict, name: str = "it") -> list[dict]:
    """The item's conversation without the subject's name."""
    return [one | {"value": one["value"].replace("<bo>", name)} for one in item["conversations"]]


def test_published_names_mean_the_subject_and_bad_bytes_cost_their_question_alone(subject: Path) -> None:
    """LLaVA's JSON as it is found: <sks> for the subject, a byte order mark, Latin-1 in one answer."""
    asked = [
        ("What color is <sks>?", "sks is red."),
        ("Who is <Bo>?", "A dog."),
        ("Where is <sks>?", "caf\xe9"),
    ]
    items = [
        {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]}
        for question, answer in asked
    ]
    text = json.dumps(items, ensure_ascii=False)
    Path("a.json").write_bytes(b"\xef\xbb\xbf" + text.encode("latin-1"))
    said = main("llava", "bo", "a.json", "--read")
    assert said.startswith(
        "3 questions read, 0 items about other images left, 1 that are no UTF-8 left (keep"
    )
    spoken = {row[1:] for row in talk("kind", "question", "answer") if row[0] == "qa"}
    assert spoken == {("What color is <bo>?", "<bo> is red."), ("Who is <bo>?", "A dog.")}


@pytest.mark.parametrize("name", ["../../../secret.txt", "/etc/hostname", "deep/00.png", ".."])
def test_names_in_imported_files_lead_nowhere_else(subject: Path, name: str) -> None:
    """Nothing outside is read, and nothing can be written there later by another format."""
    Path("out").mkdir()
    question = {"question_id": 0, "image": name, "text": "What is <bo>?", "category": "caption"}
    Path("out/question.jsonl").write_text(json.dumps(question))
    Path("out/answer.jsonl").write_text(json.dumps({"question_id": 0, "text": "<bo> is red."}))
    before = talk("photo", "question")
    with pytest.raises(UserError, match="is not the name of a photo: write the file's name alone"):
        main("jsonl", "bo", "out", "--read")
    assert talk("photo", "question") == before


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
    assert answers[0]["model_id"] == "data/conversations/bo.parquet" and answers[0]["metadata"] == {}
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
    shown = run_here("convert", "--help")
    assert shown.returncode == 0
    text = " ".join(shown.stdout.split())
    for part in ("-token.pt", "training JSONs", "conversation JSON", "six fields", "captions.json", "vLLM"):
        assert part in text
    failed = run_here("convert", "jsonl", "bo", "absent", "--read")
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1 and "absent" in failed.stderr
    assert run_here("convert", "huggingface", "bo", "out", "--read").returncode == 2  # there is no way back
