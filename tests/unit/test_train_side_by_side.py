"""Training from prefixes, alone or side by side, is the plain loop: 50 steps, tiny and shipped model."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from common import vlm
from common.core.seed import torch_stream
from common.training.recipe import SCHEDULES, TrainingRecipe
from common.training.run import TrainingRun
from common.training.samples import Sample, TrainingSet
from common.training.steps import SubjectTrainer
from common.vlm.suffix import IGNORE
from tests.support import tiny
from tests.support.helpers import ROOT
from tests.support.vlm_helpers import full_inputs, noise_images, resized

IMAGES = noise_images(6)
STEPS = 50
RECIPE = TrainingRecipe(
    latent_tokens=2,
    initial="random",
    epochs=10,
    learning_rate=0.002,  # larger ones make the shipped model's training chaotic: rounding grows
    schedule="cosine",
    weight_decay=0.01,
    batch_size=3,
    balance=True,
    seed=0,
    micro_batch_size=4,
)
COUNTS = {"bo": 13, "mam": 7, "x": 4}  # samples: 50, 30 and 20 steps


@pytest.fixture(scope="module", params=["tiny", "shipped"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    if request.param == "tiny":
        return vlm.load(str(tiny.llava(tmp_path_factory.mktemp("llava"))), system="Be brief.")
    return vlm.load(str(ROOT / "models/base/llava"))


def training_sets() -> dict[str, TrainingSet]:
    """Subjects with unequal numbers of samples, unequally long, with and without pictures."""
    questions = ("Can you see <{}> in this photo?", "Is it <{}>?", "What color is <{}>? Say it in a word.")
    answers = ("Yes", "No, I do not see <{}> here.", "<{}> is red.")
    made = {}
    for number, (subject, count) in enumerate(COUNTS.items()):
        samples = [
            Sample(
                questions[i % 3].format(subject),
                answers[(i + number) % 3].format(subject),
                None if i % 4 == 3 else (i + number) % 6,
                None if i % 4 == 3 else i % 2 == 0,
                weight=1 + i % 3,
            )
            for i in range(count)
        ]
        validation = [sample for sample in samples if sample.label is not None]
        made[subject] = TrainingSet(IMAGES, samples, validation, validation)
    return made


def start(base: vlm.Base, subject: str) -> vlm.SoftPrompt:
    return vlm.SoftPrompt.init_random(base.model, subject, 2, torch_stream(1, subject))


def engine(
    base: vlm.Base, subjects: Sequence[str], recipe: TrainingRecipe = RECIPE
) -> dict[str, list[torch.Tensor]]:
    """All rows of each subject after each of its epochs."""
    trainers = [
        SubjectTrainer.of(base, start(base, subject), training_sets()[subject].training, recipe)
        for subject in subjects
    ]
    path: dict[str, list[torch.Tensor]] = {subject: [] for subject in subjects}
    run = TrainingRun(base, trainers, vlm.encode_prefixes(base, IMAGES), recipe)
    for trainer, _ in chain.from_iterable(run.epochs()):
        prompt = trainer.snapshot()
        path[prompt.subject].append(torch.cat([prompt.embeddings, prompt.output_row]))
    return path


def plain(base: vlm.Base, subject: str) -> list[torch.Tensor]:
    """The same by the plain loop: the whole sequence through a model whose tables hold the rows."""
    prompt, samples, size = start(base, subject), training_sets()[subject].training, base.vocab_size
    model = resized(base, prompt)
    tables = [model.get_input_embeddings().weight, model.lm_head.weight]
    rows = [prompt.embeddings.clone(), prompt.output_row.clone()]
    optimizer = torch.optim.AdamW(rows, lr=RECIPE.learning_rate, weight_decay=RECIPE.weight_decay)
    shuffle = torch_stream(RECIPE.seed, "train", subject, "order")
    orders = [torch.randperm(len(samples), generator=shuffle).split(3) for _ in range(RECIPE.epochs)]
    path, done = [], 0
    for batches in orders:
        for batch in batches:
            for table, values in zip(tables, rows, strict=True):
                table.grad, table.data[size:] = None, values
                table.requires_grad_(True)
            sum(weighted_loss(base, model, prompt, samples[i]) for i in batch.tolist()).div(
                len(batch)
            ).backward()
            for table, values in zip(tables, rows, strict=True):
                values.grad = table.grad[size:]
            done += 1
            optimizer.step()
            factor = SCHEDULES["cosine"](done / (RECIPE.epochs * len(batches)))
            optimizer.param_groups[0]["lr"] = RECIPE.learning_rate * factor
        path.append(torch.cat(rows))
    assert subject != "bo" or done == STEPS
    return path


def weighted_loss(
    base: vlm.Base, model: torch.nn.Module, prompt: vlm.SoftPrompt, sample: Sample
) -> torch.Tensor:
    suffix = vlm.suffix(base, prompt, sample.question, sample.answer, image=sample.image is not None)
    inputs = full_inputs(base, None if sample.image is None else IMAGES[sample.image], suffix)
    before = inputs["input_ids"].shape[1] - len(suffix.ids)
    labels = torch.tensor([IGNORE] * before + suffix.labels)[1:]
    return sample.weight * F.cross_entropy(model(**inputs).logits[0, :-1], labels, ignore_index=IGNORE)


def apart(path: Sequence[torch.Tensor], other: Sequence[torch.Tensor], begin: torch.Tensor) -> float:
    """How far two ways of training are from each other at worst, as a share of the way covered."""
    assert len(path) == len(other) == RECIPE.epochs
    return max(((a - b).norm() / (b - begin).norm()).item() for a, b in zip(path, other, strict=True))


def test_trajectories_are_those_of_the_plain_loop_alone_and_together(base: vlm.Base) -> None:
    together = engine(base, list(COUNTS))
    for subject in COUNTS:
        prompt = start(base, subject)
        begin = torch.cat([prompt.embeddings, prompt.output_row])
        (alone,) = engine(base, [subject]).values()
        expected = plain(base, subject)

        assert apart(alone, expected, begin) < 1e-3
        assert apart(together[subject], alone, begin) < 1e-3
        (other,) = engine(base, [subject], replace(RECIPE, schedule="constant")).values()
        assert apart(other, expected, begin) > 1e-2  # the comparison would notice


def test_forwards_hold_no_more_than_is_wanted_at_once(
    base: vlm.Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    real = vlm.suffix_loss

    def watched(base: vlm.Base, prefixes: vlm.PrefixBatch, *rest: object) -> torch.Tensor:
        sizes.append(len(prefixes.attention_mask))
        return real(base, prefixes, *rest)

    monkeypatch.setattr(vlm, "suffix_loss", watched)
    engine(base, list(COUNTS), replace(RECIPE, epochs=1))
    # batches of bo: 3 3 3 3 1, of mam: 3 3 1, of x: 3 1
    assert sizes == [3, 3, 3, 4, 3, 4, 3, 1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, which may wait or not")
@pytest.mark.parametrize(
    "budget", [vlm.MemoryBudget(10**9, 0), vlm.MemoryBudget(0, 10**9)], ids=["device", "host"]
)
def test_no_step_waits_for_the_device(tmp_path: Path, budget: vlm.MemoryBudget) -> None:
    base = vlm.load(str(tiny.llava(tmp_path)), device="cuda", dtype="bfloat16")
    trainers = [
        SubjectTrainer.of(base, start(base, subject), training_sets()[subject].training, RECIPE)
        for subject in COUNTS
    ]
    run = TrainingRun(base, trainers, vlm.encode_prefixes(base, IMAGES, budget=budget), RECIPE).epochs()
    next(run)  # the first step of all loads kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            next(run)
    finally:
        torch.cuda.set_sync_debug_mode("default")
