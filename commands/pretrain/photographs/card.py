"""Writes the model card of the base for photographs: parts, licenses, data, recipe, cost, gates."""

from __future__ import annotations

import json
from pathlib import Path

from commands.pretrain.card import millions, table
from commands.pretrain.criterion import Criterion
from commands.pretrain.photographs.model import COMPARING, Channels
from commands.pretrain.photographs.settings import Settings
from common.core.io import write_bytes

TEMPLATE = Path(__file__).with_name("card.md")


def write(target: Path, work: Path, chosen: Settings, measured: list[Criterion]) -> None:
    """The card of the model in `target`; the cost comes from the progress log in `work`."""
    log = [json.loads(line) for line in (work / "state.jsonl").read_text(encoding="utf-8").splitlines()]
    card = TEMPLATE.read_text(encoding="utf-8").format(
        weights=millions(target / "llava"),
        megabytes=round((target / "llava" / "model.safetensors").stat().st_size / 1e6),
        steps=log[-1]["step"],
        channels=chosen.comparison.channels,
        beside=len(Channels(chosen.llama["hidden_size"], chosen.comparison.channels).beside),
        learned=chosen.llama["num_hidden_layers"] - COMPARING,
        rows=table(measured),
    )
    write_bytes(target / "README.md", card.encode())
