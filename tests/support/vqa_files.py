"""Small files in the published formats of TextVQA, VQAv2, GQA, MME and ScienceQA."""

import json
from pathlib import Path
from typing import Any

from tests.support.helpers import save_photo

TEN = ["blue"] * 5 + ["navy"] * 2 + ["dark blue", "teal", "gray"]


def write(folder: Path) -> None:
    """One question of TextVQA, two of VQAv2 and GQA, two images of MME, three problems of ScienceQA."""
    text = {"question_id": 34602, "image_id": "0054c91397f2fe05", "question": "what does it say?"}
    write_json(folder / "textvqa/TextVQA_0.5.1_val.json", {"data": [text | {"answers": ["Stop!"] * 10}]})
    save_photo(folder / "textvqa/images/0054c91397f2fe05.jpg")

    asked = [
        {"image_id": 42, "question": "What color is the bus?", "question_id": 42000},
        {"image_id": 42, "question": "How many wheels?", "question_id": 42001},
    ]
    said = [
        {"question_id": 42000, "image_id": 42, "answer_type": "other", "answers": people(TEN)},
        {"question_id": 42001, "image_id": 42, "answer_type": "number", "answers": people(["4"] * 10)},
    ]
    write_json(folder / "vqav2/v2_OpenEnded_mscoco_val2014_questions.json", {"questions": asked})
    write_json(folder / "vqav2/v2_mscoco_val2014_annotations.json", {"annotations": said})
    save_photo(folder / "vqav2/images/COCO_val2014_000000000042.jpg", 1)

    gqa = {
        "201307251": {"imageId": "2405722", "question": "What is this bird called?", "answer": "parrot"},
        "201640614": {"imageId": "2405723", "question": "What is the man holding?", "answer": "umbrella"},
    }
    write_json(folder / "gqa/testdev_balanced_questions.json", gqa)
    for number in (2405722, 2405723):
        save_photo(folder / f"gqa/images/{number}.jpg", number % 256)

    save_photo(folder / "mme/count/000000006040.jpg", 4)
    yes_no = "Is there {}? Please answer yes or no.\t{}\n"
    both = yes_no.format("one dog", "Yes") + yes_no.format("two dogs", "No")
    (folder / "mme/count/000000006040.txt").write_text(both)
    save_photo(folder / "mme/landmark/images/a.png", 5)
    (folder / "mme/landmark/questions_answers_YN").mkdir()
    (folder / "mme/landmark/questions_answers_YN/a.txt").write_text(both)

    two = {"question": "Which is it?", "choices": ["a", "b"], "answer": 1, "hint": "Look."}
    five = {"question": "Why?", "choices": list("vwxyz"), "answer": 4, "hint": "", "image": None}
    problems = {"4": two | {"image": "image.png"}, "5": five, "6": five}
    write_json(folder / "scienceqa/problems.json", problems)
    write_json(folder / "scienceqa/pid_splits.json", {"train": ["6"], "test": ["4", "5"]})
    save_photo(folder / "scienceqa/images/test/4/image.png", 6)


def people(answers: list[str]) -> list[dict[str, Any]]:
    """Each answer as one person's."""
    return [
        {"answer": answer, "answer_confidence": "yes", "answer_id": number}
        for number, answer in enumerate(answers, 1)
    ]


def write_json(path: Path, value: Any) -> None:
    """Write a file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
