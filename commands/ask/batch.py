"""The order of work: questions go in groups, which look at a photo once, and answers are kept at once."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from commands.ask.answers import Answered, Kept
from commands.ask.questions import QuestionFile, Row
from common.assistant import Assistant, Conversation, reply_all
from common.core.errors import UserError
from common.core.foreign import printable
from common.core.images import load_image
from common.core.progress import bar
from common.methods.interface import Checkpoints, InPrompt, Photos, Request
from common.vlm import Answer, Decoding

SHOWN = 10  # bad rows that are named
GROUPS = 4  # forwards between two writes
Reply = Callable[[Photos, Sequence[Request]], list[Answer]]


@dataclass(frozen=True)
class Asked:
    """Of whom is asked, and how: method, who is always in place, decoding, rows of a forward."""

    method: str
    subjects: tuple[str, ...]
    decoding: Decoding
    batch_size: int

    @property
    def model(self) -> str:
        """How answer files call it: as the server does, and by which draws, so that no file mixes them."""
        name = "/".join(filter(None, (self.method, "+".join(self.subjects))))
        how = self.decoding
        drawn = f" (temperature {how.temperature:g}, top_p {how.top_p:g}, seed {how.seed})"
        return name + drawn if how.temperature else name


def reply(assistant: Assistant, _: Decoding, photos: Photos, requests: Sequence[Request]) -> list[Answer]:
    """Answer with our own models, greedily; all requests are to one method."""
    return reply_all(assistant, requests[0].method, photos, requests)


def draw(
    assistant: Assistant, decoding: Decoding, photos: Photos, requests: Sequence[Request]
) -> list[Answer]:
    """Answer with our own models, each as a chat that begins with it; neighbors about one photo share it.

    The draws of an answer hang on the seed and the question alone, whatever else is asked.
    """
    answers, talk, about = [], None, None
    for request in requests:
        if talk is None or about != (request.photo, request.subjects):
            image = None if request.photo is None else load_image(photos[request.photo])
            talk = Conversation(assistant, request.subjects, request.method, image)
            about = request.photo, request.subjects
        talk.reset()
        *_, answer = talk.ask(request.question, decoding)
        answers.append(answer)
    return answers


def answer(assistant: Assistant, questions: QuestionFile, kept: Kept, asked: Asked, reply: Reply) -> str:
    """Answer the rows that are not answered yet; return what was done, as words.

    Raises UserError if the method is unknown, has not learned a subject, cannot draw as asked, or another
    one's answers are kept.
    """
    if asked.decoding.temperature and not isinstance(assistant.method(asked.method), InPrompt):
        raise UserError(f"{asked.method} answers greedily: ask with --temperature 0")
    assistant.check_learned(asked.method, asked.subjects)
    steps = {row.checkpoint for row in questions.rows}
    if len(steps) > 1 and not isinstance(assistant.method(asked.method), Checkpoints):
        raise UserError(f"{asked.method} keeps no checkpoints: leave one iteration in the questions")
    there = kept.answered(asked.model)
    rows = [row for row in questions.rows if row.key not in there]
    problems, done = list(questions.problems), 0
    with bar(len(rows), "ask") as shown:
        for group in _groups(rows, GROUPS * asked.batch_size):
            answers = _answered(assistant, group, asked, reply, problems)
            kept.add(answers)
            done += len(answers)
            shown.update(len(group))
    for problem in problems[:SHOWN]:
        print(f"left out: {problem}", file=sys.stderr)
    if len(problems) > SHOWN:
        print(f"left out: {len(problems) - SHOWN} more", file=sys.stderr)
    before = len(questions.rows) - len(rows)
    return f"{done} answered, {before} were before, {len(problems)} left out"


def _groups(rows: Sequence[Row], size: int) -> list[list[Row]]:
    """Rows that are answered together: neighbors of one checkpoint."""
    groups: list[list[Row]] = []
    for row in rows:
        if not groups or len(groups[-1]) == size or groups[-1][0].checkpoint != row.checkpoint:
            groups.append([])
        groups[-1].append(row)
    return groups


def _answered(
    assistant: Assistant, rows: Sequence[Row], asked: Asked, reply: Reply, problems: list[str]
) -> list[Answered]:
    """Answers to a group; where that fails, to each row alone: a bad one costs no other its answer."""
    photos = {str(row.path): row.path for row in rows if row.path}
    steps = isinstance(assistant.method(asked.method), Checkpoints) and rows[0].checkpoint is not None
    try:
        requests = [
            assistant.request(
                f"{asked.method}@{row.checkpoint}" if steps else asked.method,
                [*asked.subjects, *row.subjects],
                row.question,
                str(row.path) if row.path else None,
                asked.decoding.max_new_tokens,
            )
            for row in rows
        ]
        for request in requests:
            assistant.check_learned(request.method, request.subjects)
        answers = reply(photos, requests)
    except UserError as error:
        if len(rows) > 1:
            return [one for row in rows for one in _answered(assistant, [row], asked, reply, problems)]
        where = f"{printable(rows[0].image)}, " if rows[0].image else ""
        problems.append(f"{where}{printable(rows[0].question)}: {error}")
        return []
    return [(row, asked.model, answer) for row, answer in zip(rows, answers, strict=True)]
