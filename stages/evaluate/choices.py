"""Two-choice questions about a subject, visual and text-only, each asked in both orders of its options."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages import vlm
from stages.core.truth import Question, Questions
from stages.evaluate.ask import CHOICE, Ask
from stages.evaluate.definitions import Definition
from stages.evaluate.photos import Photo
from stages.evaluate.wording import LETTERS, choice_question, parse, right_letter

SORT_BY = ("subject", "method", "kind", "photo", "question", "order")
CONTROLS = ("soft_prompt", "base", "short_description")  # asked both kinds of question
MAJORITY = LETTERS[0]  # in both orders every constant letter scores .5: the control stands to show that
Row = dict[str, Any]


def asks(
    questions: Mapping[str, Questions],
    photos: Sequence[Photo],
    definitions: Mapping[str, Mapping[str, Definition]],
) -> list[tuple[Row, Ask]]:
    """Each question with the columns known beforehand; blind is a visual question with all but its photo."""
    where = {(photo.owner, photo.path.name): i for i, photo in enumerate(photos) if photo.group == "test"}
    found = []
    for subject, kind, question, order in _all(questions):
        photo = where[subject, question.image] if kind == "visual" else None
        text = choice_question(question.question, question.options, order)
        for method in CONTROLS:
            row = _row(subject, kind, question, order, method)
            found.append((row, Ask(CHOICE, photo, text, definitions[subject][method])))
        if kind == "visual":
            row = _row(subject, kind, question, order, "blind")
            found.append((row, Ask(CHOICE, None, text, definitions[subject]["soft_prompt"])))
    return found


def answered(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of QUESTIONS."""
    return _judged(row, answer.text)


def constant(questions: Mapping[str, Questions]) -> list[Row]:
    """The rows of the majority control: always the same letter."""
    return [
        _judged(_row(subject, kind, question, order, "majority"), MAJORITY)
        for subject, kind, question, order in _all(questions)
    ]


def _all(questions: Mapping[str, Questions]) -> list[tuple[str, str, Question, int]]:
    return [
        (subject, kind, question, order)
        for subject, both in questions.items()
        for kind, group in (("visual", both.visual), ("text", both.text))
        for question in group
        for order in (0, 1)
    ]


def _row(subject: str, kind: str, question: Question, order: int, method: str) -> Row:
    return {
        "subject": subject,
        "kind": kind,
        "photo": question.image if kind == "visual" else None,
        "question": question.question,
        "order": order,
        "method": method,
        "truth": right_letter(question.answer, order),
    }


def _judged(row: Row, text: str) -> Row:
    parsed = parse(text, LETTERS)
    return row | {"answer": text, "parsed": parsed, "correct": parsed == row["truth"]}
