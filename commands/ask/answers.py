"""Where answers go: owns the forms of answer files, and which answers they hold already.

Lines are appended and flushed, so that a kill costs one batch at most, and half a line that it left is
dropped. MyVLM's JSON, which is one value, is written anew with each batch.
"""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from commands.ask.questions import ABOUT_MYVLM, LLAVA, MYVLM, Row
from common.core import foreign, io
from common.core.errors import UserError, write_error
from common.vlm import Answer

Answered = tuple[Row, str, Answer]  # the row, what answered it, and how


class Kept(Protocol):
    """An answer file."""

    def answered(self, model: str) -> set[str]:
        """Keys of the rows that it answers; UserError if something else than `model` did."""

    def add(self, answers: Sequence[Answered]) -> None:
        """Keep answers."""


@contextmanager
def opened(path: Path, form: str) -> Iterator[Kept]:
    """An answer file of the form that goes with the questions; nobody else writes it meanwhile."""
    place = path.with_name(f".{path.name}.lock") if form == MYVLM else path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = place.open("ab+")
    except OSError as error:
        raise write_error(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is writing {path}: wait until it is done") from None
        yield MyvlmFile(path) if form == MYVLM else LinesFile(path, file, form)
    if form == MYVLM:
        place.unlink()


class LinesFile:
    """JSON lines: LLaVA's six fields, or a table's."""

    def __init__(self, path: Path, file: BinaryIO, form: str) -> None:
        """Drop what is no whole line."""
        self.path, self.file, self.form = path, file, form
        file.seek(0)
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)
        self.lines = data[:whole].splitlines()

    def answered(self, model: str) -> set[str]:
        """See `Kept`."""
        keys = set()
        for number, line in enumerate(self.lines, 1):
            try:
                row = foreign.parsed(line, dict[str, Any])
                key = str(row["question_id"]) if self.form == LLAVA else row["key"]
                by = row["model_id"] if self.form == LLAVA else row["model"]
            except (foreign.FormError, KeyError):
                raise UserError(
                    f"{self.path} line {number} is no answer of ours: choose another file"
                ) from None
            if by != model:
                raise UserError(
                    f"{self.path} holds answers of {foreign.printable(by)}, not of {model}: choose another"
                )
            keys.add(key)
        return keys

    def add(self, answers: Sequence[Answered]) -> None:
        """See `Kept`."""
        write = _llava if self.form == LLAVA else _table
        lines = [f"{json.dumps(write(*one), ensure_ascii=False)}\n" for one in answers]
        try:
            self.file.write("".join(lines).encode("utf-8", "replace"))
            self.file.flush()
        except OSError as error:
            raise write_error(self.path, error) from error


class MyvlmFile:
    """{checkpoint: {image: {prompt: answer}}}."""

    def __init__(self, path: Path) -> None:
        """Read what is there."""
        self.path = path
        form = dict[str, dict[str, dict[str, str]]]
        self.by_iteration = foreign.read(path, form, ABOUT_MYVLM) if path.exists() else {}

    def answered(self, model: str) -> set[str]:
        """See `Kept`; the form does not say what answered."""
        return {
            json.dumps([name, image, prompt])
            for name, images in self.by_iteration.items()
            for image, prompts in images.items()
            for prompt in prompts
        }

    def add(self, answers: Sequence[Answered]) -> None:
        """See `Kept`."""
        for row, _, answer in answers:
            images = self.by_iteration.setdefault(f"iteration_{row.checkpoint}", {})
            images.setdefault(row.image or "", {})[row.question] = answer.text
        io.write_bytes(
            self.path, json.dumps(self.by_iteration, indent=4, ensure_ascii=False).encode("utf-8", "replace")
        )


def _llava(row: Row, model: str, answer: Answer) -> dict[str, Any]:
    """LLaVA's six fields; the id, random in the original, is a hash, so that a rerun gives the same file."""
    said = f"{row.key}\n{row.question}\n{answer.text}"
    return {
        "question_id": int(row.key) if row.key.isdecimal() else row.key,
        "prompt": row.question,
        "text": answer.text,
        "answer_id": io.sha256_bytes(said.encode("utf-8", "replace"))[:22],
        "model_id": model,
        "metadata": _chances(answer),
    }


def _table(row: Row, model: str, answer: Answer) -> dict[str, Any]:
    said = {"image": row.image, "question": row.question, "answer": answer.text, "model": model}
    return said | _chances(answer) | {"key": row.key}


def _chances(answer: Answer) -> dict[str, float]:
    """Probabilities of Yes and No as the answer's first token, among the two; none of a method without."""
    return dict(zip(("yes", "no"), answer.probabilities, strict=False))
