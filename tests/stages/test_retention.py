"""Frozen methods leave the model as it is: with nobody in place they answer as the base does, bit for bit."""

from pathlib import Path

import pytest
import torch

from stages import methods, vlm
from stages.core import images, paths
from stages.core.general import load_general
from stages.evaluate import general
from stages.methods.interface import Ask, Tools
from tests.helpers import set_params
from tests.subjects import populate, teach

SECTIONS = {"free": {"method": "training_free", "title": "Reference photos", "threshold": 0.5}}


@pytest.fixture
def tools(workspace: Path, tiny_llava: Path) -> Tools:
    """Two subjects, all learned but the reference photos, which general questions do not need."""
    subjects = {"bo": "world", "mam": "world"}
    set_params({"subjects": {name: {"kind": "pet", "source": source} for name, source in subjects.items()}})
    populate(subjects)
    base = vlm.load(str(tiny_llava))
    teach(base, subjects)
    return Tools(lambda: base, lambda: pytest.fail("no photo is compared"), 0, batch_size=4)


@pytest.mark.parametrize("method", ["soft_prompt", "free"])
def test_with_nobody_in_place_the_answers_are_the_base_s_bit_for_bit(tools: Tools, method: str):
    questions = load_general(paths.WORLD_GENERAL)
    photos = general.photos(questions)
    known = methods.fitted(method, SECTIONS, tools, ["bo", "mam"])
    before = {name: weights.clone() for name, weights in tools.base().model.state_dict().items()}
    asks = [ask._replace(subjects=()) for _, ask in general.asks(questions, 0, ["bo"], known)]
    asks = [ask for ask in asks if ask.method in (method, "base")]
    found = known.answers(photos, asks)
    assert found == plain(tools.base(), photos, asks)  # texts and probabilities
    for name, weights in tools.base().model.state_dict().items():
        assert torch.equal(weights, before[name])


def plain(base: vlm.Base, photos: list, asks: list[Ask]) -> list[vlm.Answer]:
    """The same questions in the same batches, put to the base without any method."""
    prefixes = vlm.encode_prefixes(base, [images.load_image(photo) for photo in photos], 4)
    answers: dict[int, vlm.Answer] = {}
    for options in dict.fromkeys(ask.task.options for ask in asks):
        chosen = [number for number, ask in enumerate(asks) if ask.task.options == options]
        queries = [vlm.Query(asks[number].question, asks[number].photo) for number in chosen]
        tokens = asks[chosen[0]].task.max_new_tokens
        said = vlm.answer(base, queries, prefixes, max_new_tokens=tokens, batch_size=4, options=options)
        answers |= dict(zip(chosen, said, strict=True))
    return [answers[number] for number in range(len(asks))]
