"""The engine of talking: turns that stay in view, who is in place, and every method by the same door."""

import threading
from pathlib import Path

import pytest
from PIL import Image

from common import vlm
from common.assistant import BASE, Assistant, Conversation
from common.core import images, io, params, paths
from common.core.errors import UserError
from common.methods.interface import Request, Task
from common.prompts.evaluation import recognition_question
from tests.support.helpers import set_params
from tests.support.vlm_helpers import noise_images, save_soft_prompts, soft_prompt

HOME, AWAY = noise_images(2)
TOLD = {"method": "prompting", "title": "Words", "description": "human", "references": 0}


@pytest.fixture
def assistant(workspace: Path, base: vlm.Base) -> Assistant:
    """An assistant that knows bo and mam, not rex, and keeps two turns in view."""
    set_params(
        {
            "base.vlm.model": base.name,
            "subjects.mam": {"kind": "pet", "source": "world"},
            "subjects.rex": {"kind": "pet", "source": "world"},
            "chat.max_new_tokens": 8,
            "chat.history": 2,
            "methods": {"words": TOLD},
        }
    )
    save_soft_prompts(base, "bo", "mam")
    for name in ("bo", "mam"):
        io.write_json(paths.fitted("words") / name / "prompt.json", {"description": f"<{name}> is a dog."})
    return Assistant.of(params.load())


def say(talk: Conversation, question: str, longest: int = 8) -> vlm.Answer:
    return list(talk.ask(question, vlm.Decoding(longest)))[-1]


def in_turn(base: vlm.Base, image: Image.Image | None, *turns: tuple[str, vlm.Definition]) -> vlm.Answer:
    """The last answer of a dialog in which these were asked."""
    prefixes = vlm.encode_prefixes(base, [image] if image else [])
    dialog = vlm.Dialog(base, prefixes, 0 if image else None)
    return [list(dialog.ask(*turn, decoding=vlm.Decoding(8)))[-1] for turn in turns][-1]


def learned(base: vlm.Base, name: str) -> vlm.SoftPrompt:
    return vlm.SoftPrompt.load(paths.subject_model(name))


def test_turns_stay_in_view_and_the_oldest_go(assistant: Assistant, base: vlm.Base) -> None:
    bo = learned(base, "bo")
    talk = Conversation(assistant, ["bo"], image=HOME)
    questions = ["Is <bo> here?", "Where?", "Why?", "How?"]
    said = [say(talk, question) for question in questions]
    turns = [(questions[0], bo), *((question, None) for question in questions[1:])]
    assert [said[n] == in_turn(base, HOME, *turns[: n + 1]) for n in range(3)] == [True] * 3
    dialog = vlm.Dialog(base, vlm.encode_prefixes(base, [HOME]), 0)
    dialog.tell("Why?", said[2].text, bo)  # of three turns one is left when a fourth comes
    assert said[3] == list(dialog.ask("How?", decoding=vlm.Decoding(8)))[-1]
    talk.reset()
    assert say(talk, "How?") == in_turn(base, HOME, ("How?", bo)) != said[3]


def test_a_question_puts_whom_it_names_in_place(assistant: Assistant, base: vlm.Base) -> None:
    bo, mam = learned(base, "bo"), learned(base, "mam")
    talk = Conversation(assistant)
    assert say(talk, "Who is it?") == in_turn(base, None, ("Who is it?", None))
    found = say(talk, "Are <bo> and <mam> alike?")
    assert found == in_turn(base, None, ("Who is it?", None), ("Are <bo> and <mam> alike?", (bo, mam)))
    assert talk.turns[-1].subjects == ("bo", "mam")


def test_another_photo_is_seen_beside_the_first(assistant: Assistant) -> None:
    talk, other = (Conversation(assistant, ["bo"], image=HOME) for _ in range(2))
    for each, image in ((talk, AWAY), (other, HOME)):
        say(each, "Is <bo> here?")
        each.look_at(image)
    assert say(talk, "And now?").probabilities != say(other, "And now?").probabilities
    assert len(talk.turns) == 2
    talk.look_at(None)
    assert not talk.turns


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Is <rex> here?", "dvc repro train@rex"),
        ("Is <Bo> here?", "write <bo>"),
        ("What </s>?", "</s>"),
        ("caf\ufffd?", "UTF-8"),
        ("why " * 2000, "positions"),
    ],
)
def test_a_refused_question_changes_nothing(assistant: Assistant, question: str, reason: str) -> None:
    talk, untouched = (Conversation(assistant, ["bo"], image=HOME) for _ in range(2))
    for each in (talk, untouched):
        say(each, "Is <bo> here?")
    with pytest.raises(UserError, match=reason):
        talk.ask(question)
    if reason == "positions":  # to make room, earlier turns were given up
        talk, untouched = talk, Conversation(assistant, ["bo"], image=HOME)
    assert say(talk, "Where?") == say(untouched, "Where?")


def test_other_methods_answer_by_the_same_door(assistant: Assistant, base: vlm.Base) -> None:
    talk = Conversation(assistant, ["bo"], "words", HOME)
    assert say(talk, "Is it?") == in_turn(base, HOME, ("Is it?", "<bo> is a dog."))
    talk.use(BASE)
    talk.reset()
    assert say(talk, "Is it?") == in_turn(base, HOME, ("Is it?", None))
    with pytest.raises(UserError, match="use one of soft_prompt, words, base"):
        talk.use("wrods")
    with pytest.raises(UserError, match="train@rex"):
        Conversation(assistant, ["rex"])


def test_who_is_here_is_what_evaluate_would_hear(assistant: Assistant, base: vlm.Base) -> None:
    found = assistant.recognize(HOME, ["bo", "mam"])
    prefixes = vlm.encode_prefixes(base, [HOME])
    for name, recognition in found.items():
        query = vlm.Query(recognition_question(name), 0, learned(base, name))
        (answer,) = vlm.answer(base, [query], prefixes, max_new_tokens=8, batch_size=1)
        assert recognition.answer == answer.text
        assert recognition.yes == pytest.approx(answer.probabilities[0], abs=1e-5)


def test_a_subject_that_was_learned_anew_is_read_again(assistant: Assistant, base: vlm.Base) -> None:
    before = say(Conversation(assistant, ["bo"]), "What is <bo>?")
    prompt = soft_prompt(base, "bo", 3, seed=9)
    prompt.info["base"] = {"fingerprint": base.fingerprint}
    prompt.save(paths.subject_model("bo"))
    assert say(Conversation(assistant, ["bo"]), "What is <bo>?") != before


def test_conversations_in_threads_do_not_mix(assistant: Assistant) -> None:
    questions = {name: f"What is <{name}> like?" for name in ("bo", "mam")}
    alone = {name: say(Conversation(assistant, [name], image=HOME), questions[name]) for name in questions}
    found: dict[tuple[str, int], vlm.Answer] = {}

    def talk(name: str, number: int) -> None:
        found[name, number] = say(Conversation(assistant, [name], image=HOME), questions[name])

    threads = [threading.Thread(target=talk, args=(name, n)) for name in questions for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {(name, n): alone[name] for name in questions for n in range(3)}


def test_answers_in_a_batch_equal_those_one_by_one(assistant: Assistant) -> None:
    task = Task("chat", 3)
    asked = [("bo", "Is <bo> here?"), ("mam", "What is <mam>?"), ("bo", "Where?")]
    requests = [Request(task, "", (name,), "home", question) for name, question in asked]
    answers = assistant.answer_all(paths.SOFT_PROMPT, {"home": images.png(HOME)}, requests)
    one_by_one = [say(Conversation(assistant, [name], image=HOME), question, 3) for name, question in asked]
    assert [answer.text for answer in answers] == [answer.text for answer in one_by_one]
