"""Joins tower, projector and language model on real pixels.

The projector is first fitted to the slot embeddings that the language model knows (`projector`); then
projector and language model train together on photos, the tower frozen. Two or more processes share each
batch and average their gradients (gloo), which on small CPUs is faster than threads. A last course adds
questions that have nothing to do with the definition before them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import CLIPModel, LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain.language import TrainingPhase, learn, resume
from commands.pretrain.projector import Projector, align, fit_projector, tower
from commands.pretrain.samples import BROAD, JOINT, draw_tree
from commands.pretrain.schedule import Log, is_first
from commands.pretrain.trees import Batch, Writer
from commands.pretrain.vision import IMAGE_TOKENS, Photos
from common.world.attributes import draw_scene
from common.world.draw import sprite, view


def photographed(batch: Batch, rng: np.random.Generator) -> list[np.ndarray]:
    """A photo of every individual and scene that the batch shows."""
    return [view(sprite(who), scene or draw_scene(rng), rng) for who, scene in batch.photos]


def train(
    rank: int,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    *,
    seed: int,
    photos: int,
    fit: int,
    aligned: int,
    course: TrainingPhase,
) -> None:
    """Fits and aligns the projector, then trains jointly.

    Saves `folder/aligned` (CLIP) and, in `folder/joint`, what `load` reads.
    """
    torch.manual_seed(seed)
    log = Log(folder / "joint.jsonl")
    clip = CLIPModel.from_pretrained(folder / "clip")
    model, slots = resume(tokenizer, folder)
    embedding = model.get_input_embeddings()
    projector = fit_projector(clip, slots, embedding, seed=seed, photos=photos, steps=fit, log=log)
    stream = Photos(np.random.default_rng((seed, 6, rank)), 1024)
    align(clip, projector, slots, embedding, tokenizer, stream=stream, steps=aligned, log=log)
    if is_first():
        clip.save_pretrained(folder / "aligned")
    model.config.tie_word_embeddings = False  # from here on the output head is its own, as LLaVA's is
    model.lm_head.weight = nn.Parameter(model.model.embed_tokens.weight.detach().clone())
    rng = np.random.default_rng((seed, 5, rank))
    on_photos(clip, model, projector, tokenizer, rng, JOINT, course, log, folder / "joint")


def broaden(
    rank: int, tokenizer: PreTrainedTokenizerFast, folder: Path, *, seed: int, course: TrainingPhase
) -> None:
    """Goes on from `folder/joint` with the last part of the curriculum; saves the same in `folder/broad`."""
    clip = CLIPModel.from_pretrained(folder / "aligned")
    model, projector = load(folder / "joint")
    log, rng = Log(folder / "broad.jsonl"), np.random.default_rng((seed, 7, rank))
    on_photos(clip, model, projector, tokenizer, rng, BROAD, course, log, folder / "broad")


def on_photos(
    clip: CLIPModel,
    model: LlamaForCausalLM,
    projector: Projector,
    tokenizer: PreTrainedTokenizerFast,
    rng: np.random.Generator,
    part: int,
    course: TrainingPhase,
    log: Log,
    target: Path,
) -> None:
    """Trains projector and language model on photos, the tower frozen; saves them in `target`."""
    clip.eval().requires_grad_(False)

    def save() -> None:
        model.save_pretrained(target)
        torch.save(projector.state_dict(), target / "projector.pt")

    learn(
        model,
        projector,
        lambda batch: projector(tower(clip, photographed(batch, rng))),
        partial(draw_tree, Writer(tokenizer, IMAGE_TOKENS), rng, part),
        course,
        log,
        save,
    )


def load(folder: Path) -> tuple[LlamaForCausalLM, Projector]:
    """The language model, with its own output head, and the projector that `on_photos` saved."""
    model = LlamaForCausalLM.from_pretrained(folder)
    state = torch.load(folder / "projector.pt", weights_only=True)
    text, vision = state["linear_1.weight"].shape
    projector = Projector(vision, text)
    projector.load_state_dict(state)
    return model, projector
