"""The order of the parts: looks at photos, facts, tokenizer, training, export, gates. What exists is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain import tokenizer
from commands.pretrain.export import CHAT_TEMPLATE
from commands.pretrain.photographs import (
    acceptance,
    captions,
    clip,
    connector,
    export,
    geometry,
    looks,
    low_rank,
    model,
    naming,
    smollm2,
    tower,
    verdict,
    views,
    words,
)
from commands.pretrain.photographs.low_rank import LowRankChanges
from commands.pretrain.photographs.model import FrozenComparison
from commands.pretrain.photographs.objects import CLASSES, kind_weights
from commands.pretrain.photographs.samples import Sampler
from commands.pretrain.photographs.settings import Settings
from commands.pretrain.photographs.train import BaseTrainer, train
from commands.pretrain.projector import Projector
from commands.pretrain.recipe import free_port
from commands.pretrain.trees import Writer
from common.core.errors import UserError


def prepare(source: Path, work: Path, chosen: Settings) -> None:
    """Everything that training reads: tokens of all views, facts, tokenizer, directions and neighbors."""
    work.mkdir(parents=True, exist_ok=True)
    found = views.rows(source / "train.parquet")
    seen = [
        views.compute(found, view, chosen.seed, work / f"view-{view}.npy") for view in range(chosen.views)
    ]
    if chosen.vocabulary is None:
        _prepare_smollm2(work)
    elif not (work / "tokenizer").exists():
        words.build(facts(found), chosen.vocabulary, chosen.seed).save_pretrained(work / "tokenizer")
    if not (work / "geometry.npz").exists():
        geometry.write(seen, work / "geometry.npz", chosen)
    if chosen.lora and not (work / "connector.pt").exists():
        _align_connector(found, seen[0], work, chosen)


def _prepare_smollm2(work: Path) -> None:
    """The published language model and its tokenizer."""
    if not (work / "tokenizer").exists():
        llama, tokens = smollm2.load()
        llama.save_pretrained(work / "language")
        tokens.save_pretrained(work / "tokenizer")


def _align_connector(found: list[dict], seen: np.ndarray, work: Path, chosen: Settings) -> None:
    """The connector of image tokens that start as words of the captions."""
    tokens = tokenizer.load(work / "tokenizer")
    texts = [" " + " ".join(row["captions"]).lower() for row in found]
    torch.manual_seed(chosen.seed)
    llama, projector = _published(tokens, work, chosen), _projector(work, chosen)
    ids = tokens(texts, add_special_tokens=False).input_ids
    connector.align(llama, projector, chosen.comparison, seen, ids)
    part = work / "connector.part"
    torch.save(model.connector(llama).state_dict(), part)
    part.replace(work / "connector.pt")


def facts(found: list[dict]) -> list[captions.Facts]:
    """What the captions of each row say."""
    return [captions.read(row["captions"]) for row in found]


def learn(rank: int, source: Path, work: Path, chosen: Settings, device: str, port: int) -> None:
    """Train as one of the processes that share a step, or as all of them on a GPU; resumes."""
    torch.set_num_threads(1)
    alone = device != "cpu"
    if chosen.processes > 1 and not alone:
        address = f"tcp://127.0.0.1:{port}"
        dist.init_process_group("gloo", init_method=address, rank=rank, world_size=chosen.processes)
    found = views.rows(source / "train.parquet")
    laid = np.load(work / "geometry.npz")
    shown = looks.Material(
        [np.load(work / f"view-{view}.npy", mmap_mode="r") for view in range(chosen.views)],
        facts(found),
        laid["neighbors"],
        laid["things"],
    )
    tokens = tokenizer.load(work / "tokenizer")
    learner = begin(tokens, work, chosen, device)
    if (work / "state.pt").exists():
        learner.load(work / "state.pt")
    if isinstance(learner.kept, LowRankChanges):
        learner.kept.lighten()
    writer = Writer(tokens, shown.views[0].shape[1], chosen.chat)
    photos = np.arange(len(found))
    samplers = [Sampler(writer, shown, photos, course, chosen.latent_tokens) for course in chosen.courses]
    ranks = range(chosen.processes) if alone else (rank,)
    train(learner, tokens, samplers, work / "state.pt", seed=chosen.seed, ranks=ranks)
    if dist.is_initialized():
        dist.destroy_process_group()


def learn_together(source: Path, work: Path, chosen: Settings, device: str) -> None:
    """Run `learn` in as many processes as the settings say, or in one on a GPU; they end with this one."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "--device cuda: torch sees no CUDA GPU here: leave it out, or run this where there is one"
        )
    processes = chosen.processes if device == "cpu" else 1
    mp.spawn(learn, (source, work, chosen, device, free_port()), nprocs=processes, daemon=True)


def begin(tokens: PreTrainedTokenizerFast, work: Path, chosen: Settings, device: str = "cpu") -> BaseTrainer:
    """New weights and optimizers."""
    torch.manual_seed(chosen.seed)
    projector = _projector(work, chosen)
    kept: FrozenComparison | LowRankChanges
    if chosen.lora:
        llama = _published(tokens, work, chosen)
        model.connector(llama).load_state_dict(torch.load(work / "connector.pt", weights_only=True))
        kept = LowRankChanges(llama.to(device), projector.to(device), chosen.lora)
    else:
        llama = model.new_llama(tokens, chosen.llama)
        model.begin(llama, tokens, chosen.comparison)
        verdict.tell(llama, chosen.comparison, chosen.verdict)
        if chosen.naming:
            weights = torch.from_numpy(kind_weights(tower.classifier()))
            seen = torch.from_numpy(np.load(work / "geometry.npz")["tokens"])
            kinds = dict(zip(CLASSES, weights, strict=True))
            naming.lay_names(llama, tokens, projector, chosen.comparison, chosen.naming, kinds, seen)
        channels = model.Channels(llama.config.hidden_size, chosen.comparison.channels)
        kept = FrozenComparison(llama.to(device), projector.to(device), channels)
    steps = sum(course.steps for course in chosen.courses)
    return BaseTrainer(llama, projector, kept, chosen.rates.model_dump(), steps)


def _projector(work: Path, chosen: Settings) -> Projector:
    laid = np.load(work / "geometry.npz")
    directions, tokens = (torch.from_numpy(laid[name]) for name in ("directions", "tokens"))
    return model.new_projector(chosen.comparison, directions, tokens)


def _published(tokens: PreTrainedTokenizerFast, work: Path, chosen: Settings) -> LlamaForCausalLM:
    """The published language model behind layers that compare."""
    published = LlamaForCausalLM.from_pretrained(work / "language", dtype=torch.float32)
    return low_rank.make_room(published, tokens, chosen)


def write(work: Path, target: Path, chosen: Settings) -> None:
    """Export what `work/state.pt` holds to `target/llava`, float16; of SmolLM2 also the changes alone."""
    tokens = tokenizer.load(work / "tokenizer")
    learner = begin(tokens, work, chosen)
    learner.load(work / "state.pt")
    if isinstance(learner.kept, LowRankChanges):
        low_rank.save(learner.learned, learner.projector, target / "changes.safetensors")
        low_rank.build(target / "changes.safetensors", chosen, target / "llava")
        return
    # A tokenizer that has padded a batch would save that, so the export reads it anew.
    assembled = model.assemble(tokens, learner.model, learner.projector)
    export.export(assembled, tokenizer.load(work / "tokenizer"), CHAT_TEMPLATE, target / "llava")


def write_clip(source: Path, work: Path, target: Path, chosen: Settings) -> None:
    """Make `target/clip` of the train photos as they are and their captions."""
    found = views.rows(source / "train.parquet")
    work.mkdir(parents=True, exist_ok=True)
    seen = views.compute(found, 0, chosen.seed, work / "view-0.npy")
    clip.make(geometry.pooled(seen), [row["captions"] for row in found], target / "clip", chosen.seed)


def measure(source: Path, target: Path, chosen: Settings, subjects: Path | None) -> str:
    """Measure the gates of `target/llava`, with real `subjects` if there are any; write its card."""
    from commands.pretrain.photographs import card

    measured = acceptance.measure(source, target, chosen.seed, chosen.gates, subjects)
    card.write(target, chosen, measured)
    gates = [criterion for criterion in measured if criterion.floor]  # the others are told, not demanded
    missed = [criterion.name for criterion in gates if not criterion.passed]
    reached = f"{len(gates) - len(missed)} of {len(gates)} gates passed"
    return f"{reached}; missed: {'; '.join(missed)}" if missed else reached


def pretrain(
    source: Path, work: Path, target: Path, chosen: Settings, subjects: Path | None, device: str
) -> str:
    """Make `target/llava` from the captioned photos in `source`; parts that `work` holds are kept."""
    prepare(source, work, chosen)
    learn_together(source, work, chosen, device)
    write(work, target, chosen)
    return measure(source, target, chosen, subjects)
