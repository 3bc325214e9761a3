"""What the benchmarks count and write: FLOPs by hand, units of memory, ratios, and the file's keys."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

from benchmarks import (
    batch_size,
    compare,
    data,
    evaluation,
    measure,
    models,
    ours,
    synthesis,
    token_training,
)
from benchmarks.models import TINY
from benchmarks.plain import Prepared, grown
from benchmarks.reference import Reference
from common import vlm
from common.core.errors import UserError
from common.training.learn import Learned
from common.training.recipe import TrainingRecipe
from common.training.samples import TrainingSet
from tests.support.benchmark_helpers import small_training_set, tiny_base
from tests.support.helpers import ROOT

KEYS = {
    "device", "model", "versions", "commit", "ours", "reference", "alternative", "speedup", "speedup_range",
    "speedup_alternative", "max_relative_gradient_error", "fraction_of_peak_flops",
}  # fmt: skip


@pytest.fixture(scope="module")
def base() -> vlm.Base:
    return tiny_base()


@pytest.fixture(scope="module")
def training_set() -> TrainingSet:
    return small_training_set()


def layers(tokens: int, seen: int) -> dict[str, int]:
    """FLOPs of the tiny Llama for `tokens` that attend to `seen`, without its head."""
    linear = TINY.layers * (4 * TINY.width**2 + 3 * TINY.width * TINY.inner_width)
    attention = 2 * tokens * seen * TINY.width * TINY.layers
    return {
        "forward": 2 * linear * tokens + 2 * attention,
        "backward": 2 * linear * tokens + 5 * attention,  # attention is computed again
    }


def test_flops_of_the_reference_are_those_counted_by_hand(base: vlm.Base, training_set: TrainingSet) -> None:
    prompt = ours.start(base, "bo")
    prepared = Prepared.of(base, prompt, training_set)
    text = next(i for i, sample in enumerate(training_set.training) if sample.image is None)
    tokens = len(prepared.training[text].ids)
    head = 2 * tokens * TINY.width * (TINY.vocabulary + 1)  # forward, backward, and the matrix's own gradient
    with grown(base, [prompt]):
        loop = Reference(base, prepared)
        found = measure.count(base, lambda: loop.loss([text]).backward())
    expected = layers(tokens, tokens)
    assert found.tokens == tokens
    assert found.images == 0
    assert found.flops == expected["forward"] + expected["backward"] + 3 * head


def test_flops_of_ours_are_those_of_the_suffix(base: vlm.Base, training_set: TrainingSet) -> None:
    prompt = ours.start(base, "bo")
    prefixes = vlm.encode_prefixes(base, training_set.images)
    sample = training_set.training[0]
    rows = vlm.SoftPrompt("bo", prompt.embeddings.requires_grad_(), prompt.output_row.requires_grad_())
    suffix = vlm.suffix(base, prompt, sample.question, sample.answer)
    found = measure.count(
        base, lambda: vlm.suffix_loss(base, prefixes.batch([sample.image]), [suffix], [rows]).backward()
    )
    tokens, scored = len(suffix.ids), sum(label >= 0 for label in suffix.labels)
    expected = layers(tokens, tokens + prefixes.length)
    head = 2 * scored * TINY.width * TINY.vocabulary  # forward and backward
    assert found.tokens == tokens
    assert found.flops == expected["forward"] + expected["backward"] + 2 * head


@pytest.mark.parametrize("batch_size", [1, 3])
def test_steps_that_cannot_be_counted_are_counted_as_if_they_were_not_captured(
    base: vlm.Base, training_set: TrainingSet, batch_size: int
) -> None:
    training = ours.Training(base, dict.fromkeys(("bo", "mo"), training_set), batch_size)
    training.encode()
    one_by_one = measure.count(base, training.steps, training.uncaptured_steps)
    assert one_by_one == measure.count(base, training.steps)
    assert one_by_one.flops > 0


def test_memory_is_the_growth_at_its_highest() -> None:
    device = torch.device("cpu")
    value, peak = measure.peak_bytes(device, lambda: torch.ones(2**24).sum().item())
    assert value == 2**24
    assert 0.9 * 2**26 < peak < 1.5 * 2**26


def test_isolated_work_runs_in_another_process() -> None:
    assert measure.isolated(partial(int, "7")) == 7


def test_rounds_end_when_there_are_enough() -> None:
    calls = []
    systems = {name: partial(calls.append, name) for name in "ab"}
    assert len(list(measure.alternate(systems, rounds=5, enough=0.0))) == 2
    assert calls == ["a", "b"] * 2
    *_, last = measure.alternate(systems, rounds=3, enough=60.0)
    assert len(last["a"]) == 3


def test_speedup_is_the_median_of_the_rounds() -> None:
    assert compare.speedup("_x", [10, 12, 9], [5, 3, 3]) == {"speedup_x": 3.0, "speedup_x_range": [2.0, 4.0]}


@pytest.fixture
def uncached() -> Iterator[None]:
    """Data is made once for a process, but here for tests of other sizes."""
    made = data.work, data.eval_set, data.interviewed
    for each in made:
        each.cache_clear()
    yield
    for each in made:
        each.cache_clear()


@pytest.mark.parametrize("benchmark", [token_training, evaluation, synthesis])
def test_every_benchmark_writes_its_keys(
    base: vlm.Base, benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uncached: None
) -> None:
    """The path of LLaVA-1.5, with the tiny sizes."""
    name = "llava-1.5-7b-tiny"
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("BENCH_FOLDER", str(tmp_path))
    monkeypatch.setattr(data, "NOISE", tmp_path)
    amounts = {"SUBJECTS": 2, "POSITIVE": 4, "HARD": 20, "EASY": 20, "TEXT": 4}
    for attribute, value in amounts.items():
        monkeypatch.setattr(data, attribute, value)
    for open_model in ("open_model", "open_exact"):
        monkeypatch.setattr(models, open_model, lambda _: base)
    monkeypatch.setattr(measure, "isolated", lambda work: work())
    monkeypatch.setattr(compare, "ROUNDS", 1)
    monkeypatch.setattr(evaluation, "PHOTOS", 4)
    monkeypatch.setattr(synthesis, "words", lambda: 3)
    benchmark.main("--model", name)
    written = json.loads((tmp_path / f"{benchmark.BENCHMARK.name}-cpu-{name}.json").read_text())
    assert written.keys() >= KEYS
    for system in benchmark.BENCHMARK.systems:
        assert written[system].keys() >= {"seconds", "peak_bytes", "steps"}
        assert written[system]["flops"] > 0
    if benchmark is token_training:
        assert written["max_relative_gradient_error"] < 1e-4


def test_bfloat16_differs_by_its_rounding(monkeypatch: pytest.MonkeyPatch, uncached: None) -> None:
    """The dtype of LLaVA-1.5: every system runs in it."""
    monkeypatch.chdir(ROOT)
    found = token_training.exactness(models.open_model("llava-1.5-7b-tiny"), "llava-1.5-7b-tiny")
    assert 1e-4 < found["max_relative_gradient_error"] < 0.1


def test_a_missing_dataset_is_said(workspace: Path, uncached: None) -> None:
    with pytest.raises(UserError, match="run `make repro` first"):
        data.work(models.SMALL, 1)


def test_a_large_model_needs_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="on a GPU"):
        models.open_exact("llava-1.5-13b")


def test_the_learning_rate_grows_with_the_batch(
    base: vlm.Base, training_set: TrainingSet, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes = []

    def learn(
        _: vlm.Base, training_sets: dict[str, TrainingSet], recipe: TrainingRecipe
    ) -> dict[str, Learned]:
        recipes.append(recipe)
        prompt = ours.start(base, "bo")
        prompt.info["validation"] = {"weighted": 0.25 * len(recipes)}
        return dict.fromkeys(training_sets, Learned(prompt, [prompt]))

    monkeypatch.setattr(batch_size, "learn", learn)
    monkeypatch.setattr(batch_size.data, "work", lambda *_: data.Work({"bo": training_set}, 1))
    found = batch_size.row(base, 4)
    assert found["weighted_by_seed"] == [0.25, 0.5, 0.75]
    assert found["weighted"] == 0.5
    assert [recipe.seed for recipe in recipes] == [0, 1, 2]
    assert {recipe.learning_rate for recipe in recipes} == {0.01 * (4 / 16) ** 0.5}
