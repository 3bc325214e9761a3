"""The questions and scores of a published dataset: both schemas, and what is wrong with them."""

import json

from common.testdata import ground_truth
from tests.support.add_helpers import draw, refused
from tests.support.yollava_helpers import (
    DATA,
    _published,  # noqa: F401  (a fixture)
    change,
    imported,
    row,
    section,
    write,
)


def test_questions_in_either_schema_and_what_is_wrong_with_them():
    visual, text = "yollava-visual-qa.json", "yollava-text-only-qa.json"
    test = "./yollava-data/test"
    change(visual, "bo", f"{test}/bo/0.png", row("B", "option", "sks"))
    change(visual, "bo", f"{test}/bo/1.png", None)
    change(visual, "bo", f"{test}/bo/9.png", row())
    change(visual, "dug", f"{test}/dug/0.png", row())
    change(text, "bo", "0", row("B", "options"))
    change(text, "bo", "1", row(options={"A": "Yes", "B": "Yes"}))
    change(text, "bo", "2", row("C"))
    change(text, "bo", "3", row(options={"A": "Yes", "B": "No", "C": "Both"}))
    change(text, "thao", "0", row(name="she"))
    change(text, "thao", "1", {"question": "What is sks?"})
    change(text, "thao", "2", row(name="a skscraper and sks's dog"))
    change(text, "thao", "3", None)
    report = imported()
    bo, thao = (ground_truth.load_questions(f"yollava-{name}", "own") for name in ("bo", "thao"))
    assert [(one.image, one.answer) for one in bo.visual] == [("0.png", 1), ("2.png", 1)]
    assert bo.visual[0].question == bo.text[0].question == "What is <yollava-bo> on?"
    assert [one.question for one in thao.text] == [
        "What is she on?",
        "What is a skscraper and <yollava-thao>'s dog on?",
    ]
    assert section(report, "Malformed questions") == [
        "bo 1: Value error, both options are the same",
        "bo 2: 'C' is missing or no choice",
        "bo 3: its options are not A and B",
        "thao 1: 'option' is missing or no choice",
    ]
    assert section(report, "Questions that do not name their subject") == ['thao 0: "What is she on?"']
    assert section(report, "Questions without their photo or subject") == [
        f'{test}/bo/9.png: "What is <sks> on?"',
        "dug: all its questions, for it is not imported",
    ]
    assert "| yollava-bo | pet | 6 | 3 | 2 | 0.000 | 1 | 1 | 0.000 | 0 |  |" in report


def test_missing_files_of_questions_are_reported_and_damaged_ones_refused():
    (DATA / "yollava-text-only-qa.json").unlink()
    (DATA / "yollava-visual-qa.json").write_text("{")
    assert refused("yollava", "published").startswith(f"error: {DATA}/yollava-visual-qa.json, Invalid JSON: ")
    write("yollava-visual-qa.json", [])
    assert "valid dictionary; subjects are mapped to questions: mend the file" in refused(
        "yollava", "published"
    )
    (DATA / "yollava-visual-qa.json").unlink()
    assert section(imported(), "Missing questions") == [
        f"{DATA} holds no yollava-visual-qa.json",
        f"{DATA} holds no *text*qa*.json",
        *(
            f"{name} has no question {what}"
            for name in ("bo", "thao")
            for what in ("about its photos", "in text")
        ),
    ]


def test_a_bad_score_or_question_costs_itself_alone():
    """A number that is none, bytes that are no UTF-8, a question about somebody else."""
    folder = DATA / "train/bo/negative_example"
    for number in range(3):
        draw(folder / f"{number}ab.png", 60 + number)
    good = [{"image": f"{number}ab", "clip_score": 0.5} for number in range(3)]
    scores = [good[0], good[1] | {"clip_score": "much"}, 7, good[2]]
    (folder / "scores.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(scores).encode())
    change("yollava-visual-qa.json", "bo", "./yollava-data/test/bo/0.png", row(name="<rex>"))
    latin = {"bo": {"0": row("A", "option", "sks"), "1": row("A", "option", "caf\xe9")}}
    text = json.dumps(latin, ensure_ascii=False).encode("latin-1")
    (DATA / "yollava-text-only-qa.json").write_bytes(text)
    report = imported()
    assert section(report, "Hard negatives") == [
        f"{folder}/scores.json: record 1: Input should be a valid number, unable to parse string as a number",
        f"{folder}/scores.json: record 2: Input should be a valid dictionary or instance of Record",
        f"{folder}/1ab.png has no score in scores.json (kept)",
    ]
    malformed = section(report, "Malformed questions")
    assert len(malformed) == 2
    assert "<rex> is unknown, for this is about <yollava-bo>" in malformed[0]
    assert "it is not UTF-8" in malformed[1]
    questions = ground_truth.load_questions("yollava-bo", "own")
    assert (len(questions.visual), len(questions.text)) == (2, 1)


def test_answers_known_to_be_wrong_are_named():
    for split, start in (("train", 70), ("test", 80)):
        for number in range(3):
            draw(DATA / f"{split}/brown-duck/{number}.png", start + number)
    path = "./yollava-data/test/brown-duck/0.png"
    change("yollava-visual-qa.json", "brown-duck", path, row("B", options={"A": "Duck", "B": "Crocodile"}))
    assert section(imported(), "Doubtful answers") == [f'{path}: "What is <sks> on?" is answered Crocodile']
