"""General questions with a subject in place, and with nobody: does the model answer what it did before?

The base is asked once, for nothing stands before its questions. A method is asked with some of the subjects
in place, one at a time, for the questions are many.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from common import vlm
from common.methods.interface import Request, Responder, Task
from common.prompts.evaluation import LETTERS, brief, choice_question, parse, right_letter
from common.testdata.general_vqa import GeneralQuestion, photos
from stages.evaluate import multiple_choice, published
from stages.evaluate.multiple_choice import PAIR

SORT_BY = ("method", "subject", "benchmark", "file", "question_id", "order")
BASE = "base"
YES_NO = Task("general", max_new_tokens=8)  # as in the recognition test
CHOICE = Task("general", multiple_choice.MAX_NEW_TOKENS, PAIR)
Row = dict[str, Any]


def build_requests(
    questions: Sequence[GeneralQuestion], first: int, subjects: Iterable[str], responder: Responder
) -> list[tuple[Row, Request]]:
    """Each question with the columns known beforehand; `first` is the number of the first of `photos`.

    A choice is asked as often as it has options, moved up by one place each time (MMBench's circular test).
    """
    number = {image: at for at, image in enumerate(photos(questions), first)}
    asked = [form for question in questions for form in _forms(question, number[question.image])]
    found = []
    for method in responder.methods_asked("general"):
        for subject in (None,) if method == BASE else subjects:
            in_place = () if subject is None else (subject,)
            found += [
                (row | {"method": method, "subject": subject}, Request(task, method, in_place, photo, text))
                for row, task, photo, text in asked
            ]
    return found


def parse_response(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of GENERAL; `options` is not among its columns."""
    options = row["options"]
    if options:
        parsed = parse(answer.text, LETTERS[: len(options)])
        read = published.letter(answer.text, options)
    else:
        parsed, read = parse(answer.text, ("yes", "no")), published.yes_or_no(answer.text)
    return row | {"answer": answer.text, "parsed": parsed, "read": read}


def _forms(question: GeneralQuestion, photo: int) -> Iterator[tuple[Row, Task, int, str]]:
    """All ways to ask a question: once, or in every order of its options."""
    known = {
        "benchmark": question.benchmark,
        "file": question.file,
        "question_id": question.id,
        "category": question.category,
        "photo": photo,
    }
    if not question.options:
        row = known | {"order": 0, "truth": question.answer, "options": ()}
        yield row, YES_NO, photo, brief(question.question)
    right, count = LETTERS.index(question.answer) if question.options else 0, len(question.options)
    for order in range(count):
        options = (*question.options[order:], *question.options[:order])
        row = known | {"order": order, "truth": right_letter(right, order, count), "options": options}
        yield row, CHOICE, photo, choice_question(question.question, question.options, order)
