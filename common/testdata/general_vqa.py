"""General questions, about nobody in particular, from files as the authors of POPE and MMBench publish them.

<folder>/*.json, *.jsonl   POPE: JSON lines of question_id, image, text, label (yes or no); images are in
                           <folder>/images. The setting is `category`, or the last word of the file's name
                           (coco_pope_popular.json).
<folder>/*.tsv             MMBench: a table of index, question, hint, A to D, answer, category, image as
                           base64 or as the index of the row that has it. Copies of a row with its options
                           rotated (index + 1,000,000 n) are left out: who asks rotates.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel

from common.core import foreign, io
from common.core.errors import UserError
from common.testdata.vqa import VqaQuestion
from common.testdata.vqa_files import VQA_BENCHMARKS, Words

LETTERS = "ABCD"
COPY = 1_000_000  # what MMBench adds to the index of a rotated copy
COLUMNS = {"index", "question", "A", "B", "answer", "image"}


class Poll(BaseModel):
    """A line of POPE's files."""

    question_id: Words
    image: Words
    text: Words
    label: Words
    category: Words | None = None


class GeneralQuestion(NamedTuple):
    """One question. `options` is empty for yes or no; `answer` is yes, no or the right option's letter."""

    benchmark: Literal["pope", "mmbench"]
    file: str
    id: str  # unique within the file
    category: str
    image: Path | bytes
    question: str
    options: tuple[str, ...]
    answer: str


def load_general_vqa(folder: Path) -> list[GeneralQuestion]:
    """All questions of a folder, in the order of its files' names and of the rows in them.

    Raises UserError, which names file and line, if there are none or one is malformed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"the folder {folder} is missing: mend evaluate.general in params.yaml")
    questions: list[GeneralQuestion] = []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jsonl"):
            questions += _pope(path)
        elif path.suffix == ".tsv":
            questions += _mmbench(path)
    if not questions and not any((folder / name).is_dir() for name in VQA_BENCHMARKS):
        raise UserError(
            f"{folder} holds no questions: put POPE's *.json with its images/, or MMBench's *.tsv, there"
        )
    return questions


def photos(questions: Iterable[GeneralQuestion | VqaQuestion]) -> list[Path | bytes]:
    """The different photos of the questions, in their order."""
    return list(dict.fromkeys(question.image for question in questions if question.image is not None))


def shown_by(question: GeneralQuestion | VqaQuestion) -> str:
    """A name of the question's photo that no other of its benchmark has; of the question, if it has none."""
    image = question.image
    if image is None:
        return f"{question.file}/{question.id}"
    return io.sha256_bytes(image) if isinstance(image, bytes) else "/".join(image.parts[-3:])


def _pope(path: Path) -> Iterator[GeneralQuestion]:
    seen = set()
    for number, line in enumerate(foreign.contents(path).splitlines(), 1):
        where = f"{path}, line {number}"
        try:
            row = foreign.parsed(line, Poll)
        except foreign.FormError:
            raise UserError(
                f"{where}: one JSON object per line must hold question_id, image, text and label"
            ) from None
        if row.label not in ("yes", "no"):
            raise UserError(f"{where}: the label is {row.label!r}: write yes or no")
        if row.question_id in seen:
            raise UserError(
                f"{where}: question_id {row.question_id} is there twice: give each question its own"
            )
        seen.add(row.question_id)
        photo = foreign.inside(path.parent / "images", row.image)
        if not photo.exists():
            raise UserError(f"{where}: {photo} is missing: put the image there")
        category = row.category or path.stem.rpartition("_")[2]
        yield GeneralQuestion("pope", path.name, row.question_id, category, photo, row.text, (), row.label)


def _mmbench(path: Path) -> Iterator[GeneralQuestion]:
    rows = dict(_table(path))
    for key, row in rows.items():
        original = str(int(key) % COPY)
        if original != key and original in rows:
            continue
        where = f"{path}, index {key}"
        options = tuple(takewhile(bool, (row.get(letter, "") for letter in LETTERS)))
        answer = row.get("answer")
        if "question" not in row or len(options) < 2:
            raise UserError(f"{where}: a row needs a question and the options A and B: fill them in")
        if answer is None or answer not in LETTERS[: len(options)]:
            raise UserError(
                f"{where}: the answer is {answer!r}, none of its options' letters: use a file with the "
                "answers, such as MMBench's dev split"
            )
        question = "\n".join(row[name] for name in ("hint", "question") if name in row)
        category = row.get("category", "all")
        image = _image(where, row.get("image", ""), rows)
        yield GeneralQuestion("mmbench", path.name, key, category, image, question, options, answer)


def _table(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows' filled cells, by index."""
    import pandas as pd

    try:
        # Empty cells, "nan" and "None" are left out, as in the published scripts.
        table = pd.read_csv(path, sep="\t", dtype=str, encoding_errors="replace")
    except (ValueError, OSError) as error:
        raise UserError(f"{path} is no table with tabs between its columns ({error}): mend it") from None
    if missing := sorted(COLUMNS - set(table.columns)):
        raise UserError(f"{path}, line 1: the column {missing[0]} is missing: add it")
    seen = set()
    for number, row in enumerate(table.to_dict("records"), 1):
        filled = {name: value for name, value in row.items() if not pd.isna(value)}
        key = filled.get("index", "")
        if not key.isdecimal() or key in seen:
            raise UserError(f"{path}, row {number}: the index is {key!r}: give each row its own number")
        seen.add(key)
        yield key, filled


def _image(where: str, cell: str, rows: Mapping[str, Mapping[str, str]]) -> bytes:
    """The bytes in a cell, or in the image cell of the row whose index it is."""
    cell = rows[cell].get("image", "") if cell in rows else cell
    try:
        data = base64.b64decode(cell, validate=True)
    except binascii.Error:
        data = b""
    if not data:
        raise UserError(f"{where}: the image is neither base64 nor the index of a row that has one: mend it")
    return data
