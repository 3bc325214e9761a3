"""Files of questions and answers, and what a conversation would answer."""

import json
from pathlib import Path

from common import vlm
from common.assistant import Assistant, Conversation
from common.core import params
from common.core.images import load_image
from tests.support.helpers import save_photo, set_params
from tests.support.vlm_helpers import save_soft_prompts

LONGEST = 12  # tokens, of a random model that seldom ends


def make_assistant(tiny_llava: Path) -> Assistant:
    """Of a tiny model with the subjects bo and mam, rex not trained; photos a.png and b.png."""
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "chat.max_new_tokens": LONGEST,
            "base.device.batch_size": 2,
            "subjects": {name: {"kind": "pet", "source": "world"} for name in ("bo", "mam", "rex")},
        }
    )
    found = Assistant.of(params.load())
    save_soft_prompts(found.base, "bo", "mam")
    for number, name in enumerate("ab"):
        save_photo(Path(f"photos/{name}.png"), 200 * number)
    return found


def expected(assistant: Assistant, question: str, photo: str | None = None, **who: object) -> vlm.Answer:
    talk = Conversation(assistant, image=load_image(f"photos/{photo}") if photo else None, **who)
    *_, answer = talk.ask(question)
    return answer


def lines(path: str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def write_lines(path: str, rows: list) -> None:
    Path(path).write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
