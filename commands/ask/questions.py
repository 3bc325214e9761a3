"""What is asked: owns the forms that questions come in, and which of their rows cannot be asked.

    LLaVA's question file   .jsonl  {"question_id", "image", "text", "category"} a line
    a table of one's own    .csv    columns question, image and subject, the latter two optional
                            .jsonl  the same names
    MyVLM's inference JSON  .json   {"iteration_25": {image: {prompt: answer}}}; its answers are not looked at
    a folder of photos              with the questions of the command line

Photos lie in one folder, and a name that leads elsewhere is refused.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from common.core import foreign
from common.core.errors import UserError
from common.core.images import list_photos
from common.core.progress import UNKNOWN, plain

TABLE, LLAVA, MYVLM = "table", "llava", "myvlm"
DELIMITERS = ",;\t"
ABOUT_MYVLM = '{"iteration_25": {"image": {"prompt": "answer"}}} is expected'


@dataclass(frozen=True)
class Row:
    """One question.

    Attributes:
        key: tells it from all others, and the same in a rerun.
        question: as it is written.
        image: as it is written; None for none.
        path: the photo's file; None for none.
        subjects: who is in place, beside those of the command line.
        checkpoint: of MyVLM's JSON, the steps after which the vector is taken; None for the last.

    """

    key: str
    question: str
    image: str | None
    path: Path | None
    subjects: tuple[str, ...] = ()
    checkpoint: int | None = None


@dataclass(frozen=True)
class QuestionFile:
    """All rows that can be asked, in their order, and what is wrong with the others."""

    form: str
    rows: list[Row]
    problems: list[str]


class TableRow(BaseModel):
    """A row of a table."""

    question: str
    image: str | None = None
    subject: str | None = None

    def row(self, folder: Path) -> Row | str:
        """The question, or what is wrong with its photo."""
        subjects = tuple((self.subject or "").replace("+", " ").split())
        key = json.dumps([self.image or None, self.question, *subjects])
        return _row(key, self.question, self.image, folder, subjects)


class LlavaRow(BaseModel):
    """A line of LLaVA's question file."""

    question_id: int | str
    text: str
    image: str | None = None

    def row(self, folder: Path) -> Row | str:
        """The question, or what is wrong with its photo."""
        return _row(str(self.question_id), self.text, self.image, folder)


Found = Iterator[tuple[str, Row | str]]  # where it stands, and the row or what is wrong with it


def read(path: Path, asked: Sequence[str], folder: Path | None) -> QuestionFile:
    """Read questions; `asked` are those about each photo of a folder, `folder` is where photos lie.

    Raises UserError if there is no such file, it is none of the forms, or none of its rows can be asked.
    """
    place = folder or (path if path.is_dir() else path.parent)
    if path.is_dir():
        form = TABLE
        photos = [photo.name for photo in list_photos(path)]
        rows = _table(
            ((f"{photo}", {"question": text, "image": photo}) for photo in photos for text in asked), place
        )
    elif path.suffix.lower() == ".json":
        form, rows = MYVLM, _myvlm(path, place)
    elif path.suffix.lower() == ".csv":
        form, rows = TABLE, _table(_csv(path), place)
    elif path.suffix.lower() == ".jsonl":
        lines = list(_lines(path))
        form = (
            LLAVA if any(isinstance(value, dict) and "question_id" in value for _, value in lines) else TABLE
        )
        rows = _table(lines, place, LlavaRow if form == LLAVA else TableRow)
    else:
        raise UserError(f"{path} is no file of questions: name a .jsonl, .csv or .json file, or a folder")
    return _sorted(path, form, rows)


def _sorted(path: Path, form: str, placed: Found) -> QuestionFile:
    rows: dict[str, Row] = {}
    problems = []
    for at, row in placed:
        if isinstance(row, str):
            problems.append(f"{at}: {row}")
        elif row.key in rows:
            if form == LLAVA:
                problems.append(f"{at}: question_id {row.key} comes twice")
        elif not row.question.strip():
            problems.append(f"{at}: the question is empty")
        elif UNKNOWN in plain(row.question):
            problems.append(f"{at}: the question is no UTF-8 text")
        else:
            rows[row.key] = row
    if not rows:
        reason = f" ({problems[0]})" if problems else ""
        raise UserError(f"{path} has no question that can be asked{reason}: choose another file")
    return QuestionFile(form, list(rows.values()), problems)


def _table(
    lines: Iterable[tuple[str, Any]], folder: Path, form: type[TableRow] | type[LlavaRow] = TableRow
) -> Found:
    for at, value in lines:
        checked = _checked(value, form)
        yield at, checked if isinstance(checked, str) else checked.row(folder)


def _myvlm(path: Path, folder: Path) -> Found:
    for name, images in foreign.read(path, dict[str, dict[str, dict[str, Any]]], ABOUT_MYVLM).items():
        number = name.removeprefix("iteration_")
        for image, prompts in images.items():
            for prompt in prompts:
                if not number.isdecimal():
                    yield name, "the name of a checkpoint must read like iteration_25"
                    continue
                key = json.dumps([name, image, prompt])
                yield f"{name}, {foreign.printable(image)}", _row(key, prompt, image, folder, (), int(number))


def _row(
    key: str,
    question: str,
    image: str | None,
    folder: Path,
    subjects: tuple[str, ...] = (),
    checkpoint: int | None = None,
) -> Row | str:
    try:
        path = foreign.inside(folder, image) if image else None
    except UserError as error:
        return str(error)
    if path and not path.is_file():
        return f"{foreign.printable(image)} is no photo in {folder}"
    return Row(key, question, image or None, path, subjects, checkpoint)


def _checked(value: Any, form: type[BaseModel]) -> Any:
    """The value in its form, or what is wrong with it."""
    if isinstance(value, str):
        return value  # it was no JSON
    try:
        return foreign.parsed(json.dumps(value).encode(), form)
    except foreign.FormError as error:
        return str(error)


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(foreign.contents(path).splitlines(), 1):
        if line.strip():
            try:
                yield f"line {number}", foreign.parsed(line, dict[str, Any])
            except foreign.FormError as error:
                yield f"line {number}", str(error)


def _csv(path: Path) -> Iterator[tuple[str, Any]]:
    """Rows of a table, as spreadsheets of any country save it: its columns apart by , ; or tabs."""
    text = foreign.contents(path).decode("utf-8-sig", "replace")
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            names = [name.strip().lower() for name in next(reader, [])]
        except csv.Error:
            continue
        if "question" in names:
            break
    else:
        raise UserError(f"{path} has no column question: name its columns in the first line")
    while True:
        try:
            values = next(reader, None)
        except csv.Error as error:
            yield f"line {reader.line_num}", str(error)
            continue
        if values is None:
            return
        if values:
            cells = list(zip(names, values, strict=False))
            yield f"line {reader.line_num}", dict(reversed(cells))  # of two columns, the first counts
