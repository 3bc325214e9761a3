"""Writes the model card of a base for photographs: parts, licenses, data, recipe, gates."""

from __future__ import annotations

from pathlib import Path

from commands.pretrain.card import millions, table
from commands.pretrain.criterion import Criterion
from commands.pretrain.photographs.model import COMPARING, Channels
from commands.pretrain.photographs.objects import CLASSES
from commands.pretrain.photographs.settings import Settings
from common.core.io import write_bytes

NEW, SMOLLM2 = (Path(__file__).with_name(name) for name in ("card.md", "card_smollm2.md"))


def write(target: Path, chosen: Settings, measured: list[Criterion]) -> None:
    """The card of the model in `target`."""
    template = (SMOLLM2 if chosen.lora else NEW).read_text(encoding="utf-8")
    shipped = target / "changes.safetensors" if chosen.lora else target / "llava" / "model.safetensors"
    card = template.format(
        weights=millions(target / "llava"),
        shipped=millions(target) if chosen.lora else 0,
        megabytes=round(shipped.stat().st_size / 1e6),
        steps=sum(course.steps for course in chosen.courses),
        channels=chosen.comparison.channels,
        beside=len(Channels(chosen.llama["hidden_size"], chosen.comparison.channels).beside),
        individuals=chosen.comparison.individuals,
        kinds=len(CLASSES),
        learned=chosen.llama.get("num_hidden_layers", COMPARING) - COMPARING,
        rank=chosen.lora.rank if chosen.lora else 0,
        photos=chosen.gates.photos,
        dtype=chosen.gates.dtype,
        rows=table(measured),
    )
    write_bytes(target / "README.md", card.encode())
