"""The systems that the benchmark compares learn the same: gradients, updates, and which rows."""


import pytest
import torch

from stages import vlm
from stages.train.samples import Lesson
from tests.benchmarks import data, models, ours
from tests.benchmarks.alternative import Alternative
from tests.benchmarks.measure import relative_error
from tests.benchmarks.plain import Prepared, grown
from tests.benchmarks.reference import Reference

TINY = models.Architecture(
    width=32, inner_width=64, layers=2, heads=4, vocabulary=1000,
    vision_width=32, vision_inner_width=64, vision_layers=3, vision_heads=4, patch=8, image_size=24,
)  # fmt: skip
CHOSEN = [0, 70, 300, 200]  # a positive, a hard negative, a text, an easy negative


@pytest.fixture(scope="module")
def base() -> vlm.Base:
    torch.manual_seed(0)
    return models.build("tiny", TINY, dtype=torch.float32, device="cpu")


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return data.papers("bo", side=24)


def test_a_lesson_has_the_papers_amounts(lesson: Lesson) -> None:
    assert len(lesson.images) == len(lesson.validation) == 222
    assert len(lesson.training) == 321
    assert sum(sample.image is None for sample in lesson.training) == 40


@pytest.mark.parametrize("system", [Reference, Alternative])
def test_gradients_are_those_of_the_engine(base: vlm.Base, lesson: Lesson, system: type) -> None:
    prompt = ours.start(base, "bo")
    prepared = Prepared.of(base, prompt, lesson)
    expected = [ours.gradients(base, prompt, lesson, [i]) for i in CHOSEN]
    with grown(base, [prompt]):
        loop = system(base, prepared)
        for i, wanted in zip(CHOSEN, expected, strict=True):
            loop.step([i]) if False else loop.loss([i]).backward()
            for gradient, rows in zip(loop.gradients(), wanted, strict=True):
                assert relative_error(gradient, rows) < 1e-4
            loop._optimizer.zero_grad()
