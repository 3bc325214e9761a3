"""Further general questions, from files as their authors publish them, in folders named as the benchmarks.

    <folder>/textvqa/*.json     TextVQA: {"data": [{question_id, image_id, question, answers}]}; where its
                                *_OCR_*.json lies there, {"data": [{image_id, ocr_tokens}]}, with these tokens
    <folder>/vqav2/*questions.json, *annotations.json    VQAv2: {"questions": […]} and {"annotations": […]}
    <folder>/gqa/*.json         GQA: {id: {imageId, question, answer}}
    <folder>/mme/<task>/        MME: a text of "question, tab, Yes or No" per image, beside it or in
                                questions_answers_YN/ with the image in images/
    <folder>/scienceqa/         ScienceQA: problems.json, pid_splits.json (its test split is asked)

Images lie in images/ beside the first three, as <image_id>.jpg, COCO_val2014_<12 digits>.jpg and
<imageId>.jpg, and in images/<split>/<id>/ for ScienceQA.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from common.core import foreign
from common.core.errors import UserError
from common.testdata.vqa_files import (
    VQA_BENCHMARKS,
    CocoAnnotations,
    CocoQuestions,
    GqaRow,
    Problem,
    TextFile,
    TextTokensFile,
    VqaBenchmark,
)

LETTERS = "ABCDE"
COCO = "COCO_val2014_{:012d}.jpg"
PAIR = 2  # questions about an image of MME
OCR_TOKENS = "Reference OCR token:"  # as LLaVA-1.5 was trained and is evaluated


class VqaQuestion(NamedTuple):
    """One question.

    `answers` are those of several people, or the right one alone: a word, yes or no, or an option's letter.
    """

    benchmark: VqaBenchmark
    file: str
    id: str  # unique within the file
    category: str
    image: Path | None
    question: str
    options: tuple[str, ...]
    answers: tuple[str, ...]


def load_vqa(folder: Path) -> list[VqaQuestion]:
    """All questions below a folder; none if it has no folder of these benchmarks.

    Raises UserError, which names file and question, if one is malformed.
    """
    questions: list[VqaQuestion] = []
    for name, reader in READERS.items():
        place = Path(folder) / name
        if place.is_dir():
            of_benchmark = list(reader(place))
            if not of_benchmark:
                raise UserError(f"{place} holds no questions: put the files of {name} there, or remove it")
            questions += of_benchmark
    return questions


def _textvqa(folder: Path) -> Iterator[VqaQuestion]:
    """With the OCR tokens of TextVQA's authors, if they are there, worded as LLaVA's evaluation does."""
    files = set(folder.glob("*_OCR_*.json"))
    read = {
        one.image_id: one.ocr_tokens
        for path in sorted(files)
        for one in foreign.read(path, TextTokensFile, "Rosetta's file holds data, tokens by image").data
    }
    for path in sorted(set(folder.glob("*.json")) - files):
        for row in foreign.read(path, TextFile, "TextVQA holds data, a list of questions").data:
            where = f"{path}, question {row.question_id}"
            image = _there(folder / "images", f"{row.image_id}.jpg", where)
            answers = _given(row.answers, where, "such as TextVQA's val split")
            question = row.question
            if files:
                if row.image_id not in read:
                    raise UserError(f"{where}: {min(files)} has no tokens of {row.image_id}: use its split's")
                question += f"\n{OCR_TOKENS} {', '.join(read[row.image_id])}"
            yield VqaQuestion("textvqa", path.name, row.question_id, "all", image, question, (), answers)


def _vqav2(folder: Path) -> Iterator[VqaQuestion]:
    said = {
        one.question_id: one
        for path in sorted(folder.glob("*annotations.json"))
        for one in foreign.read(path, CocoAnnotations, "VQAv2 holds annotations, a list").annotations
    }
    for path in sorted(folder.glob("*questions.json")):
        for row in foreign.read(path, CocoQuestions, "VQAv2 holds questions, a list").questions:
            where = f"{path}, question {row.question_id}"
            image = _there(folder / "images", COCO.format(row.image_id), where)
            annotation = said.get(row.question_id)
            given = [one.answer for one in annotation.answers] if annotation else []
            answers = _given(given, where, "VQAv2's val split with its *annotations.json")
            category = annotation.answer_type if annotation else ""
            yield VqaQuestion(
                "vqav2", path.name, str(row.question_id), category, image, row.question, (), answers
            )


def _gqa(folder: Path) -> Iterator[VqaQuestion]:
    for path in sorted(folder.glob("*.json")):
        rows = foreign.read(path, dict[str, GqaRow], "GQA holds questions by their ids")
        for key, row in rows.items():
            where = f"{path}, question {key}"
            image = _there(folder / "images", f"{row.imageId}.jpg", where)
            answers = _given([row.answer] if row.answer else [], where, "such as testdev_balanced")
            yield VqaQuestion("gqa", path.name, key, "all", image, row.question, (), answers)


def _mme(folder: Path) -> Iterator[VqaQuestion]:
    for task in sorted(path for path in folder.iterdir() if path.is_dir()):
        apart = (task / "questions_answers_YN").is_dir()
        texts, images = (task / "questions_answers_YN", task / "images") if apart else (task, task)
        for path in sorted(texts.glob("*.txt")):
            image = next((p for s in (".jpg", ".png") if (p := images / f"{path.stem}{s}").is_file()), None)
            if image is None:
                raise UserError(f"{path}: {images} has no {path.stem}.jpg or .png: put the image there")
            lines = foreign.contents(path).decode("utf-8-sig", "replace").splitlines()
            asked = [line.split("\t") for line in lines if line.strip()]
            if len(asked) != PAIR or any(
                len(cells) != PAIR or cells[1].strip().lower() not in ("yes", "no") for cells in asked
            ):
                raise UserError(f"{path}: write two lines, each a question, a tab, and Yes or No")
            for number, (question, answer) in enumerate(asked):
                right = (answer.strip().lower(),)
                key = f"{path.stem}/{number}"
                yield VqaQuestion("mme", task.name, key, task.name, image, question.strip(), (), right)


def _scienceqa(folder: Path) -> Iterator[VqaQuestion]:
    path, about = folder / "problems.json", "ScienceQA holds problems by their numbers"
    problems = foreign.read(path, dict[str, Problem], about)
    splits = foreign.read(folder / "pid_splits.json", dict[str, list[str]], "it holds numbers by split")
    for key in splits.get("test", []):
        where = f"{path}, problem {key}"
        problem = problems.get(key)
        if problem is None:
            raise UserError(f"{where} is missing, which pid_splits.json names: use both of one release")
        count = len(problem.choices)
        if not 1 < count <= len(LETTERS) or not 0 <= problem.answer < count:
            raise UserError(f"{where}: two to {len(LETTERS)} choices and the number of one: mend it")
        image = problem.image and _there(folder / "images", f"test/{key}/{problem.image}", where)
        question = "\n".join(filter(None, (problem.hint, problem.question)))
        yield VqaQuestion(
            "scienceqa",
            path.name,
            key,
            problem.subject,
            image or None,
            question,
            tuple(problem.choices),
            (LETTERS[problem.answer],),
        )


READERS = dict(zip(VQA_BENCHMARKS, (_textvqa, _vqav2, _gqa, _mme, _scienceqa), strict=True))


def _there(folder: Path, name: str, where: str) -> Path:
    photo = foreign.inside(folder, name)
    if not photo.exists():
        raise UserError(f"{where}: {photo} is missing: put the image there")
    return photo


def _given(answers: list[str], where: str, instead: str) -> tuple[str, ...]:
    if not answers:
        raise UserError(f"{where} has no answers: use a file with them, {instead}")
    return tuple(answers)
