"""LLaVA's question and answer files: ``question.jsonl`` and ``answer.jsonl``, one JSON object per line.

A question has ``question_id``, ``image``, ``text`` and ``category``; an answer the six fields
``question_id``, ``prompt``, ``text``, ``answer_id``, ``model_id`` and ``metadata``. Other fields of a read
file are passed over.

Assumed, where the format leaves it open: the category is the kind of the row (qa or caption; whatever else is
read counts as qa); answer_id, random in the original, is a hash of question and answer, so that the same
content gives the same file. The answers written are texts to learn from: some the base's, reworded, some
read from elsewhere, as with ``--read``. So model_id names the table, and no model. What a model says to the
questions, `commands.ask` writes.
"""

from pydantic import BaseModel

from commands.convert import conversations, files
from commands.convert.job import Job
from common.core import paths
from common.core.errors import UserError
from common.core.io import sha256_bytes

QUESTIONS, ANSWERS = "question.jsonl", "answer.jsonl"
ASKED = '{"question_id", "image", "text", "category"} is expected'
ANSWERED = '{"question_id", "prompt", "text", "answer_id", "model_id", "metadata"} is expected'


class JsonlQuestion(BaseModel):
    """A line of question.jsonl."""

    question_id: int | str
    image: str | None = None
    text: str
    category: str = "default"


class JsonlAnswer(BaseModel):
    """A line of answer.jsonl, as far as it is used."""

    question_id: int | str
    text: str


def write(job: Job) -> str:
    """Write both files from the questions and captions of data/conversations/<id>.parquet."""
    files.refuse_existing(job.path / QUESTIONS, job.path / ANSWERS)
    turns = conversations.read(job.subject)
    files.write_lines(
        job.path / QUESTIONS,
        (
            {"question_id": i, "image": turn.photo, "text": turn.question, "category": turn.kind}
            for i, turn in enumerate(turns)
        ),
    )
    files.write_lines(
        job.path / ANSWERS,
        (
            {
                "question_id": i,
                "prompt": turn.question,
                "text": turn.answer,
                "answer_id": sha256_bytes(f"{i}\n{turn.question}\n{turn.answer}".encode())[:22],
                "model_id": paths.conversations(job.subject).as_posix(),
                "metadata": {},
            }
            for i, turn in enumerate(turns)
        ),
    )
    return f"{job.path / QUESTIONS} and {ANSWERS}, {len(turns)} lines each"


def read(job: Job) -> str:
    """Put the answered questions in data/conversations/<id>.parquet, joined by question_id.

    Raises UserError if a line is malformed, an id comes twice, or an answer has no question.
    """
    questions = _by_id(job, QUESTIONS, JsonlQuestion, ASKED)
    answers = _by_id(job, ANSWERS, JsonlAnswer, ANSWERED)
    strange = [str(number) for number in answers if number not in questions]
    if strange:
        raise UserError(
            f"{job.path / ANSWERS} answers {strange[0]}, which {QUESTIONS} does not ask: "
            "take two files that belong together"
        )
    turns = [
        conversations.ConversationTurn(
            "caption" if asked.category == "caption" else "qa",
            asked.image,
            asked.text,
            answers[number].text,
        )
        for number, asked in questions.items()
        if number in answers
    ]
    spoiled = conversations.replace(job.subject, turns, job.photos)
    left = len(questions) - len(turns)
    return f"{len(turns)} answers read, {left} questions without one left{spoiled} ({conversations.KEPT})"


def _by_id(job: Job, name: str, form: type, about: str) -> dict:
    rows: dict = {}
    for row in files.read_lines(job.path / name, form, about):
        if row.question_id in rows:
            raise UserError(f"{job.path / name} has question_id {row.question_id} twice: mend the file")
        rows[row.question_id] = row
    return rows
