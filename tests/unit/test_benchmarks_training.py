"""The systems that the benchmarks compare do the same work: gradients, updates, which rows, and answers."""

import pytest
import torch

from benchmarks import data, ours
from benchmarks.alternative import Alternative
from benchmarks.measure import relative_error
from benchmarks.plain import Loop, Prepared, grown
from benchmarks.reference import Reference
from common import vlm
from common.training.samples import TrainingSet
from tests.support.benchmark_helpers import small_training_set, tiny_base


@pytest.fixture(scope="module")
def base() -> vlm.Base:
    return tiny_base()


@pytest.fixture(scope="module")
def training_set() -> TrainingSet:
    return small_training_set()


@pytest.fixture
def tables(base: vlm.Base) -> tuple[torch.Tensor, torch.Tensor]:
    return base.model.get_input_embeddings().weight.clone(), base.model.lm_head.weight.clone()


def test_a_lesson_has_the_papers_amounts() -> None:
    training_set = data.papers("bo", side=8)
    assert len(training_set.images) == len(training_set.validation) == 222
    assert len(training_set.training) == 321
    assert sum(sample.image is None for sample in training_set.training) == 40
    assert {sample.image for sample in training_set.training if sample.label} == {0, 1, 2, 3}


def test_a_share_has_every_kind_of_sample(training_set: TrainingSet) -> None:
    assert {sample.label for sample in training_set.training} == {True, False, None}
    assert {sample.label for sample in training_set.validation} == {True, False}
    assert len(training_set.images) == len(
        {s.image for s in (*training_set.training, *training_set.validation)} - {None}
    )


@pytest.mark.parametrize("system", [Reference, Alternative])
def test_gradients_are_those_of_the_engine(
    base: vlm.Base, training_set: TrainingSet, system: type[Loop]
) -> None:
    prompt = ours.start(base, "bo")
    prepared = Prepared.of(base, prompt, training_set)
    everything = range(len(training_set.training))
    expected = [ours.gradients(base, prompt, training_set, [i]) for i in everything]
    with grown(base, [prompt]):
        loop = system(base, prepared)
        for i in everything:
            for actual, wanted in zip(loop.gradients([i]), expected[i], strict=True):
                assert relative_error(actual, wanted) < 1e-4


def test_gradients_of_a_batch_are_those_of_the_engine(base: vlm.Base, training_set: TrainingSet) -> None:
    prompt = ours.start(base, "bo")
    prepared = Prepared.of(base, prompt, training_set)
    everything = range(len(training_set.training))
    with grown(base, [prompt]):
        actual = Alternative(base, prepared).gradients(everything)
    for own, wanted in zip(actual, ours.gradients(base, prompt, training_set, everything), strict=True):
        assert relative_error(own, wanted) < 1e-4


def test_steps_of_the_reference_are_those_of_the_pipeline(base: vlm.Base, training_set: TrainingSet) -> None:
    prompt = ours.start(base, "bo")
    prepared = Prepared.of(base, prompt, training_set)
    trained = ours.train(base, "bo", training_set)
    training = ours.Training(base, {"bo": training_set}, batch_size=1)
    training.encode()
    training.steps()
    with grown(base, [prompt]):
        loop = Reference(base, prepared)
        for i in ours.order("bo", len(training_set.training)):
            loop.step([i])
        followed = loop.rows()
    for own, again, wanted, before in zip(
        (trained.embeddings, trained.output_row),
        (training.trained["bo"].embeddings, training.trained["bo"].output_row),
        followed,
        (prompt.embeddings, prompt.output_row),
        strict=True,
    ):
        assert torch.equal(own, again)  # the parts that are timed are the pipeline's training
        assert relative_error(own - before, wanted - before) < 1e-3


@pytest.mark.parametrize("system", [Reference, Alternative])
def test_only_the_learned_rows_change(
    base: vlm.Base, training_set: TrainingSet, tables: tuple[torch.Tensor, torch.Tensor], system: type[Loop]
) -> None:
    prompt = ours.start(base, "bo")
    prepared = Prepared.of(base, prompt, training_set)
    everything = {name: value.clone() for name, value in base.model.state_dict().items()}
    with grown(base, [prompt]):
        loop = system(base, prepared)
        for i in range(len(training_set.training)):
            loop.step([i])
        for layer, before in zip(
            (base.model.get_input_embeddings(), base.model.lm_head), tables, strict=True
        ):
            table = getattr(layer, "base_layer", layer).weight
            assert torch.equal(table[: len(before)], before)
        inputs, outputs = loop.rows()
    assert inputs.shape == prompt.embeddings.shape
    assert outputs.shape == prompt.output_row.shape
    assert (inputs != prompt.embeddings).any(1).all()
    assert (outputs != prompt.output_row).any()
    after = base.model.state_dict()  # the model is as it was
    assert after.keys() == everything.keys()
    assert all(torch.equal(after[name], value) for name, value in everything.items())


def test_validation_agrees(base: vlm.Base, training_set: TrainingSet) -> None:
    prompt = ours.start(base, "bo")
    prepared = Prepared.of(base, prompt, training_set)
    yes, no = (base.layout.first_id(option) for option in ("Yes", "No"))
    chosen = range(len(training_set.validation))
    head = base.model.lm_head.weight
    before = head.clone()
    try:
        with torch.no_grad():  # a model that says nothing but Yes and No
            keep = torch.zeros(len(head), 1)
            keep[[yes, no]] = 100.0
            head *= keep
        with grown(base, [prompt]):
            said = Reference(base, prepared).says_yes(chosen)
        with grown(base, [prompt]):
            assert Alternative(base, prepared).says_yes(chosen) == said
    finally:
        with torch.no_grad():
            head.copy_(before)
