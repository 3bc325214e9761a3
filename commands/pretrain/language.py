"""Pretrains the small Llama before it sees a pixel: image tokens are looked up from attributes.

The readout patches of the vision tower each hold one attribute (`vision.READOUT`). Here their place is taken
by learned slot embeddings, so that language and comparison are learned cheaply; `joint` fits the projector to
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain.samples import draw_tree
from commands.pretrain.schedule import Log, Optimizers, average_gradients, is_first, is_hidden, wait_for_all
from commands.pretrain.trees import IGNORED, Batch, Tree, Writer, collate
from commands.pretrain.vision import ATTRIBUTES, IMAGE_TOKENS, READOUT, ROWS, targets


def configuration(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """A Llama of about two million weights.

    The initial range is near 1/sqrt(width): with the usual .02 it does not learn.
    """
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        max_position_embeddings=2048,
        initializer_range=0.06,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


class Slots(nn.Module):
    """Stands for tower and projector: attributes to image tokens (N, IMAGE_TOKENS, D).

    A readout token is the embedding of its value's word plus a vector of the slot, so that a word in a
    question and the same word in the photo look alike: comparing them is then what attention does anyway.
    The eight patterns that a row of the marking can have borrow the vectors of eight nouns: they have no
    name, but the model already tells these vectors apart.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, width: int, scale: float = 0.06):
        super().__init__()
        self.words = {
            name: torch.tensor(
                [tokenizer.encode(f" {value}", add_special_tokens=False)[0] for value in values]
            )
            for name, values in ATTRIBUTES.items()
        }
        self.blank = nn.Parameter(torch.randn(IMAGE_TOKENS, width) * scale)

    def forward(self, photos: list, embedding: nn.Embedding) -> Tensor:
        """Image tokens of (individual, scene) pairs."""
        classes, bits = targets(photos)
        tokens = self.blank.expand(len(photos), -1, -1).clone()
        for name, index in classes.items():
            tokens[:, READOUT[name]] += embedding(self.words[name][index])
        patterns = bits.view(-1, len(ROWS), 3).long() @ torch.tensor([4, 2, 1])
        tokens[:, list(ROWS)] += embedding(self.words["noun"][patterns])
        return tokens


def hidden_states(model: LlamaForCausalLM, batch: Batch, tokens: Tensor) -> Tensor:
    """Last hidden states (B, T, D) of a batch whose image tokens are `tokens` (N, IMAGE_TOKENS, D)."""
    embedded = model.get_input_embeddings()(batch.ids)
    shown = tokens.flatten(0, 1)[batch.image.clamp(min=0)]
    embedded = torch.where((batch.image >= 0).unsqueeze(-1), shown, embedded)
    return model.model(
        inputs_embeds=embedded, attention_mask=batch.visible, position_ids=batch.positions, use_cache=False
    ).last_hidden_state


def loss_and_accuracy(model: LlamaForCausalLM, batch: Batch, tokens: Tensor) -> tuple[Tensor, float]:
    """Mean cross entropy over answer tokens, and the share of answer tokens predicted right."""
    states = hidden_states(model, batch, tokens)[:, :-1]
    wanted = batch.labels[:, 1:]
    logits = model.lm_head(states[wanted != IGNORED])
    wanted = wanted[wanted != IGNORED]
    return F.cross_entropy(logits, wanted), (logits.argmax(-1) == wanted).float().mean().item()


def begin(tokenizer: PreTrainedTokenizerFast) -> tuple[LlamaForCausalLM, Slots]:
    """New weights; what a layer adds to the residual stream starts halved."""
    model = LlamaForCausalLM(configuration(tokenizer))
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.data /= 2
        layer.mlp.down_proj.weight.data /= 2
    return model, Slots(tokenizer, model.config.hidden_size)


def resume(tokenizer: PreTrainedTokenizerFast, folder: Path) -> tuple[LlamaForCausalLM, Slots]:
    """The weights that the last finished part left."""
    model = LlamaForCausalLM.from_pretrained(folder / "llama")
    slots = Slots(tokenizer, model.config.hidden_size)
    slots.load_state_dict(torch.load(folder / "slots.pt", weights_only=True))
    return model, slots


@dataclass(frozen=True)
class TrainingPhase:
    """How long and how fast one part of the curriculum is learned."""

    steps: int
    muon: float  # learning rate of hidden matrices
    adam: float  # of everything else
    cooldown: float  # share of the steps over which the rates fall to zero
    batch: int = 8  # trees per process


def learn(
    model: LlamaForCausalLM,
    images: nn.Module,
    show: Callable[[Batch], Tensor],
    draw: Callable[[], Tree],
    course: TrainingPhase,
    log: Callable[..., None],
    save: Callable[[], None],
) -> None:
    """Trains `model` and `images` on drawn trees; `show` makes a batch's image tokens with `images`.

    Saves in the first process, every hundred steps and at the end.
    """
    named = [*model.named_parameters(), *images.named_parameters()]
    hidden = [weight for name, weight in named if is_hidden(name, weight)]
    rest = [weight for name, weight in named if not is_hidden(name, weight)]
    rates = {"muon": course.muon, "adam": course.adam, "cooldown": course.cooldown}
    optimizers = Optimizers(hidden, rest, steps=course.steps, **rates)
    running = np.zeros(2)
    for step in range(course.steps):
        batch = collate([draw() for _ in range(course.batch)], model.config.pad_token_id, IMAGE_TOKENS)
        loss, right = loss_and_accuracy(model, batch, show(batch))
        loss.backward()
        average_gradients(hidden + rest)
        nn.utils.clip_grad_norm_(rest, 1.0)
        optimizers.step(step)
        running += (loss.item() / 25, right / 25)
        if step % 25 == 24:
            log(step=step + 1, loss=float(running[0]), right=float(running[1]))
            running[:] = 0
        if is_first() and (step % 100 == 99 or step + 1 == course.steps):
            save()
    wait_for_all()


def train(
    rank: int,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    *,
    seed: int,
    courses: tuple[TrainingPhase, ...],
) -> None:
    """Trains through the curriculum, a course per part; saves `folder/llama` and the slots.

    A part that has ended is not run again.
    """
    log, writer = Log(folder / "language.jsonl"), Writer(tokenizer, IMAGE_TOKENS)
    for part, course in enumerate(courses):
        done = folder / f"language-{part}.done"
        if done.exists():
            continue
        torch.manual_seed(seed)
        model, slots = resume(tokenizer, folder) if part else begin(tokenizer)
        rng = np.random.default_rng((seed, 3, part, rank))

        def save(model: LlamaForCausalLM = model, slots: Slots = slots) -> None:
            model.save_pretrained(folder / "llama")
            torch.save(slots.state_dict(), folder / "slots.pt")

        learn(
            model,
            slots,
            lambda batch, model=model, slots=slots: slots(batch.photos, model.get_input_embeddings()),
            partial(draw_tree, writer, rng, part),
            course,
            partial(log, part=part),
            save,
        )
        if is_first():
            done.touch()
        wait_for_all()
