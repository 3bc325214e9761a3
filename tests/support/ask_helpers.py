"""Files of questions and answers, and what a conversation would answer."""

import json
from pathlib import Path

from common import vlm
from common.assistant import Assistant, Conversation
from common.core.images import load_image

LONGEST = 12  # tokens, of a random model that seldom ends


def expected(assistant: Assistant, question: str, photo: str | None = None, **who: object) -> vlm.Answer:
    talk = Conversation(assistant, image=load_image(f"photos/{photo}") if photo else None, **who)
    *_, answer = talk.ask(question)
    return answer


def lines(path: str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def write_lines(path: str, rows: list) -> None:
    Path(path).write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
