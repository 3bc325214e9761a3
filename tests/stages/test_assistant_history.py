"""What stays in view from one question to the next: with a history of 0 nothing, else turns and subjects."""

from typing import Any

import pytest

from common import vlm
from common.assistant import BASE, Assistant, Conversation
from common.core import params
from tests.support.helpers import set_params
from tests.support.vlm_helpers import noise_images, save_soft_prompts

(PHOTO,) = noise_images(1)


def assistant(base: vlm.Base, history: int) -> Assistant:
    """An assistant that knows bo and mam."""
    subjects = {name: {"kind": "pet", "source": "world"} for name in ("bo", "mam")}
    set_params({"base.vlm.model": base.name, "chat.history": history, "subjects": subjects})
    save_soft_prompts(base, "bo", "mam")
    return Assistant.of(params.load())


def say(talk: Conversation, question: str) -> vlm.Answer:
    return list(talk.ask(question, vlm.Decoding(8)))[-1]


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("method", ["soft_prompt", BASE])
def test_questions_that_stand_alone_are_answered_as_if_nothing_was_said(base: vlm.Base, method: str) -> None:
    known = assistant(base, history=0)
    talk = Conversation(known, ["bo"], method, PHOTO)
    asked = ["Where is <mam>?", "What is <bo>?", "Is it here?"]
    alone = [say(Conversation(known, ["bo"], method, PHOTO), question) for question in asked]
    assert [say(talk, question) for question in asked] == alone
    assert [turn.subjects for turn in talk.turns] == [("bo", "mam"), ("bo",), ("bo",)]


@pytest.mark.usefixtures("workspace")
def test_whom_an_earlier_turn_named_stays_in_place_while_turns_are_in_view(base: vlm.Base) -> None:
    talk = Conversation(assistant(base, history=4), ["bo"], image=PHOTO)
    for question in ("Where is <mam>?", "Is it here?"):
        say(talk, question)
    assert talk.turns[1].subjects == ("bo", "mam")


@pytest.mark.usefixtures("workspace")
def test_photo_and_turns_are_read_once(base: vlm.Base, monkeypatch: pytest.MonkeyPatch) -> None:
    read, encoded = [], []
    reading, encoding = vlm.Dialog._read, vlm.encode_prefixes

    def counted(dialog: vlm.Dialog, ids: list[int], *rest: Any) -> Any:
        read.append(len(ids))
        return reading(dialog, ids, *rest)

    monkeypatch.setattr(vlm.Dialog, "_read", counted)
    monkeypatch.setattr(vlm, "encode_prefixes", lambda *given: encoded.append(given) or encoding(*given))
    talk = Conversation(assistant(base, history=4), ["bo"], image=PHOTO)
    for number in range(3):
        say(talk, f"Where is number {number}?")
    assert len(encoded) == 1
    definition = read[0]  # the first turn's question brings the definition of bo with it
    assert [length for length in read if length > 1] == [definition, *[max(read[1:])] * 2]
    assert max(read[1:]) < definition
