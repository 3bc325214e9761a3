"""Conversations: every turn equals the plain model over the whole text; the first one equals `answer`."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from PIL import Image

from common import vlm
from common.core.errors import UserError
from common.vlm.dialog import REPEATS, runs_on
from tests.support import families, tiny
from tests.support.vlm_helpers import NamesEnd, full_inputs, noise_images, resized, soft_prompt

IMAGES = noise_images(2)
GREEDY = vlm.Decoding(8)
BUILDERS = {"llava": partial(tiny.llava), **families.BUILDERS}


@pytest.fixture(scope="module", params=BUILDERS)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    return vlm.load(str(BUILDERS[request.param](tmp_path_factory.mktemp("model"))), system="Be brief.")


def dialog(base: vlm.Base, image: Image.Image | None = None) -> vlm.Dialog:
    return vlm.Dialog(base, vlm.encode_prefixes(base, [image] if image else []), 0 if image else None)


def say(talk: vlm.Dialog, *asked: object, decoding: vlm.Decoding = GREEDY) -> vlm.Answer:
    return list(talk.ask(*asked, decoding=decoding))[-1]


@pytest.mark.parametrize("image", [IMAGES[0], None])
def test_a_first_turn_is_answered_as_by_evaluate(base: vlm.Base, image: object) -> None:
    bo = soft_prompt(base, "bo", 3)
    prefixes = vlm.encode_prefixes(base, [image] if image else [])
    query = vlm.Query("Is <bo> here?", 0 if image else None, bo)
    (expected,) = vlm.answer(base, [query], prefixes, max_new_tokens=8, batch_size=1)
    grown = list(dialog(base, image).ask("Is <bo> here?", bo, decoding=GREEDY))
    assert grown[-1] == expected
    assert all(longer.text.startswith(shorter.text) for shorter, longer in pairwise(grown))


def test_later_turns_equal_the_plain_model_over_the_whole_text(base: vlm.Base) -> None:
    """Two subjects, of whom the second is first named in the second turn."""
    bo, mam = soft_prompt(base, "bo", 3), soft_prompt(base, "mam", 2, seed=1)
    talk = dialog(base, IMAGES[0])
    turns = [("Is <bo> here?", bo), ("And <mam>?", mam), ("Is <mam> like <bo>?", None)]
    answers = [say(talk, question, definition) for question, definition in turns]

    layout, vocab = base.layout, base.vocab_size
    rows = {"<bo>": [0], "<mam>": [4]}
    defined = {"<bo>": [0, 1, 2, 3], "<mam>": [4, 5, 6]}
    inputs = dict(base.processor(text=[layout.image_prefix], images=[IMAGES[0]], return_tensors="pt"))
    ids = inputs["input_ids"][0].tolist()
    for number, ((question, definition), answer) in enumerate(zip(turns, answers, strict=True)):
        begin = layout.image_separator if number == 0 else layout.next_turn
        words = begin + (definition.text("\x00", "\x00") + " " if definition else "") + question
        slots = list(defined[definition.token]) if definition else []
        for word in question.replace("?", "").split():
            slots += rows.get(word, [])
        for token in ("\x00", *rows):
            words = words.replace(token, "<|learned row|>")
        before = layout.image_prefix if number == 0 else layout.tokenizer.eos_token
        pieces = layout.encode_continuation(before, words + layout.generation_prompt)
        ids += [base.tokenizer.eos_token_id] * (number > 0)
        left = iter(slots)
        ids += [vocab + next(left) if piece == layout.slot_id else piece for piece in pieces]
        tokens = torch.tensor([ids])
        given = {**inputs, "input_ids": tokens, "attention_mask": torch.ones_like(tokens)}
        if "mm_token_type_ids" in inputs:
            kinds = inputs["mm_token_type_ids"]
            more = kinds.new_zeros(1, len(ids) - kinds.shape[1])
            given["mm_token_type_ids"] = torch.cat([kinds, more], 1)
        known = (bo,) if number == 0 else (bo, mam)
        model = resized(base, *known)
        (out,) = model.generate(**given, max_new_tokens=8, do_sample=False, logits_processor=[NamesEnd(base)])
        new = [token for token in out[len(ids) :].tolist() if token not in base.end_ids]
        stopped = next((n for n in range(1, len(new)) if runs_on(new[:n])), len(new))
        new = new[:stopped]
        assert layout.decode(new, vocab, known) == answer.text
        ids += new


def test_a_photo_may_come_in_a_later_turn(tiny_llava) -> None:
    base = vlm.load(str(tiny_llava))
    bo = soft_prompt(base, "bo", 3)
    one, other = dialog(base), dialog(base)
    for talk in (one, other):
        say(talk, "What is <bo>?", bo)
    first = list(one.ask("Is <bo> here?", None, IMAGES[0], decoding=GREEDY))[-1]
    second = list(other.ask("Is <bo> here?", None, IMAGES[1], decoding=GREEDY))[-1]
    assert first.probabilities != second.probabilities
    assert one.length == other.length


def test_a_refused_question_leaves_the_dialog_as_it_was(tiny_llava) -> None:
    base = vlm.load(str(tiny_llava))
    talk, untouched = dialog(base), dialog(base)
    with pytest.raises(UserError, match="</s>"):
        talk.ask("What </s>?", decoding=GREEDY)
    assert say(talk, "What is it?") == say(untouched, "What is it?")


def test_an_answer_left_early_stays_said(tiny_llava) -> None:
    """The next turn goes on from what was said, as if the answer had been cut there."""
    base = vlm.load(str(tiny_llava))
    stopped = dialog(base)
    answer = stopped.ask("What is it?", decoding=GREEDY)
    grown = [next(answer), next(answer)][-1]
    answer.close()
    for tokens in range(1, 9):  # some tokens add no letter by themselves
        cut = dialog(base)
        if say(cut, "What is it?", decoding=vlm.Decoding(tokens)).text == grown.text:
            break
    assert say(stopped, "Why?") == say(cut, "Why?")


def test_draws_follow_the_seed_and_top_p(tiny_llava) -> None:
    base = vlm.load(str(tiny_llava))
    drawn = {
        seed: say(dialog(base), "What?", decoding=vlm.Decoding(12, 1.0, 1.0, seed)).text for seed in (1, 2)
    }
    assert drawn[1] != drawn[2]
    again = say(dialog(base), "What?", decoding=vlm.Decoding(12, 1.0, 1.0, 1))
    assert again.text == drawn[1]
    greedy = say(dialog(base), "What?", decoding=vlm.Decoding(12))
    assert say(dialog(base), "What?", decoding=vlm.Decoding(12, 1.0, 1e-6)).text == greedy.text


def test_repetition_is_noticed() -> None:
    assert runs_on([5] * REPEATS) and runs_on([1, *[7, 8, 9] * REPEATS])
    assert not runs_on([7, 8, 9] * (REPEATS - 1)) and not runs_on([1, 2, 3, 4, 5])


def test_a_turn_that_is_told_counts_as_if_it_had_been_had(base: vlm.Base) -> None:
    bo = soft_prompt(base, "bo", 3)
    talk = dialog(base, IMAGES[0])
    talk.tell("Is <bo> here?", "Yes, this is <bo>.", bo)
    found = say(talk, "Why?").probabilities
    told = vlm.suffix(base, bo, "Is <bo> here?", "Yes, this is <bo>.").ids[:-1]
    asked = vlm.suffix(base, None, "Why?", earlier=[bo]).ids
    logits = resized(base, bo)(**full_inputs(base, IMAGES[0], vlm.Suffix(told + asked, []))).logits[0, -1]
    options = [base.layout.first_id(option) for option in ("Yes", "No")]
    torch.testing.assert_close(torch.tensor(found), logits[options].softmax(-1), rtol=1e-4, atol=1e-5)
