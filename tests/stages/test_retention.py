"""Frozen methods leave the model as it is: with nobody in place they answer as the base does, bit for bit."""

from pathlib import Path

import pytest
import torch

from common import methods, vlm
from common.core import images
from common.methods.interface import Backbones, Photos, Request
from stages.evaluate.benchmarks.general_vqa import GeneralVqaBenchmark
from stages.evaluate.eval_set import EvalSet
from tests.support.helpers import set_params
from tests.support.predictions import SETTINGS
from tests.support.subjects import populate, teach

SECTIONS = {"free": {"method": "training_free", "title": "Reference photos", "threshold": 0.5}}


@pytest.fixture
def backbones(workspace: Path, tiny_llava: Path) -> Backbones:
    """Two subjects, all learned but the reference photos, which general questions do not need."""
    subjects = {"bo": "world", "mam": "world"}
    set_params({"subjects": {name: {"kind": "pet", "source": source} for name, source in subjects.items()}})
    populate(subjects)
    base = vlm.load(str(tiny_llava))
    teach(base, subjects)
    return Backbones(lambda: base, lambda: pytest.fail("no photo is compared"), 0, batch_size=4)


@pytest.mark.parametrize("method", ["soft_prompt", "free"])
def test_with_nobody_in_place_the_answers_are_the_base_s_bit_for_bit(backbones: Backbones, method: str):
    benchmark = GeneralVqaBenchmark(EvalSet(dict.fromkeys(["bo"]), {}, {}, {}, SETTINGS, 0))
    known = methods.fitted(method, SECTIONS, backbones, ["bo", "mam"])
    before = {name: weights.clone() for name, weights in backbones.base().model.state_dict().items()}
    requests = [request._replace(subjects=()) for _, request in benchmark.build_requests(known)]
    requests = [request for request in requests if request.method in (method, "base")]
    found = known.answers(benchmark.photos, requests)
    assert found == plain(backbones.base(), benchmark.photos, requests)  # texts and probabilities
    for name, weights in backbones.base().model.state_dict().items():
        assert torch.equal(weights, before[name])


def plain(base: vlm.Base, photos: Photos, requests: list[Request]) -> list[vlm.Answer]:
    """The same questions in the same batches, put to the base without any method."""
    prefixes = vlm.encode_prefixes(base, [images.load_image(photo) for photo in photos.values()], 4)
    place = {key: number for number, key in enumerate(photos)}
    answers: dict[int, vlm.Answer] = {}
    for options in dict.fromkeys(request.task.options for request in requests):
        chosen = [number for number, request in enumerate(requests) if request.task.options == options]
        queries = [vlm.Query(requests[number].question, place[requests[number].photo]) for number in chosen]
        tokens = requests[chosen[0]].task.max_new_tokens
        said = vlm.answer(base, queries, prefixes, max_new_tokens=tokens, batch_size=4, options=options)
        answers |= dict(zip(chosen, said, strict=True))
    return [answers[number] for number in range(len(requests))]
