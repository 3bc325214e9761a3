"""Trains projector and Llama through the courses, in one or more processes that average their gradients.

Every two minutes or so the whole state is written; a killed run goes on from there with the same draws, for
each step has a random stream of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain.language import loss_and_accuracy
from commands.pretrain.photographs.looks import Material
from commands.pretrain.photographs.low_rank import LowRankChanges
from commands.pretrain.photographs.model import FrozenComparison
from commands.pretrain.photographs.samples import Sampler
from commands.pretrain.projector import Projector
from commands.pretrain.schedule import Log, Optimizers, average_gradients, is_first, is_hidden, wait_for_all
from commands.pretrain.trees import Batch, collate

SAVE_EVERY = 50  # steps
REPORT_EVERY = 10  # steps


class BaseTrainer:
    """Weights, optimizers and where in the courses they are."""

    def __init__(
        self,
        model: LlamaForCausalLM,
        projector: Projector,
        kept: FrozenComparison | LowRankChanges,
        rates: dict,
        steps: int,
    ):
        self.model, self.projector, self.kept, self.step = model, projector, kept, 0
        self.device = model.get_input_embeddings().weight.device
        self.learned = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.hidden = [weight for name, weight in self.learned.items() if _by_muon(name, weight)]
        self.rest = [weight for name, weight in self.learned.items() if not _by_muon(name, weight)]
        self.optimizers = Optimizers(self.hidden, self.rest, steps=steps, **rates)

    def save(self, file: Path) -> None:
        """Write the state, all or nothing."""
        state = {
            "step": self.step,
            "model": {name: weight.detach() for name, weight in self.learned.items()},
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers.optimizers],
        }
        torch.save(state, file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)

    def load(self, file: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(file, map_location=self.device, weights_only=True)
        self.step = state["step"]
        for name, weight in state["model"].items():
            self.learned[name].data.copy_(weight)
        for optimizer, saved in zip(self.optimizers.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def _by_muon(name: str, weight: nn.Parameter) -> bool:
    """Whether Muon takes this weight: it turns every direction alike, of which low-rank changes have few."""
    return is_hidden(name, weight) and "lora_" not in name


def image_tokens(projector: Projector, material: Material, batch: Batch) -> torch.Tensor:
    """What the language model sees of the batch's photos (N, 49, D)."""
    tokens = torch.from_numpy(np.stack([material.tokens(shots) for shots in batch.photos]))
    return projector(tokens.to(batch.ids.device))


def train(
    learner: BaseTrainer,
    tokenizer: PreTrainedTokenizerFast,
    samplers: list[Sampler],
    file: Path,
    *,
    seed: int,
    ranks: Sequence[int],
) -> None:
    """Train until the courses of the samplers end; `file` holds the state, a log of progress is beside it.

    Each of `ranks` draws trees of its own. One process, on a GPU, can take those of all.
    """
    log = Log(file.with_suffix(".jsonl"))
    courses = [sampler.course for sampler in samplers]
    ends = np.cumsum([course.steps for course in courses])
    running, started = np.zeros(2), time.process_time()
    while learner.step < ends[-1]:
        number = int(np.searchsorted(ends, learner.step, side="right"))
        trees = [
            samplers[number].draw(rng)
            for rng in (np.random.default_rng((seed, learner.step, rank)) for rank in ranks)
            for _ in range(courses[number].trees)
        ]
        batch = collate(trees, tokenizer.pad_token_id, samplers[number].writer.image_tokens)
        batch = batch.to(learner.device)
        with torch.autocast(learner.device.type, torch.bfloat16):
            tokens = image_tokens(learner.projector, samplers[number].material, batch)
            loss, right = loss_and_accuracy(learner.model, batch, tokens)
        loss.backward()
        average_gradients(learner.hidden + learner.rest)
        nn.utils.clip_grad_norm_(learner.rest, 1.0)
        learner.optimizers.step(learner.step)
        learner.kept.restore()
        learner.step += 1
        running += (loss.item() / REPORT_EVERY, right / REPORT_EVERY)
        if learner.step % REPORT_EVERY == 0:
            log(
                step=learner.step, of=int(ends[-1]), course=number, loss=float(running[0]),
                right=float(running[1]), core_seconds=round(time.process_time() - started),
            )  # fmt: skip
            running[:] = 0
        if is_first() and (learner.step % SAVE_EVERY == 0 or learner.step == ends[-1]):
            learner.save(file)
    wait_for_all()
