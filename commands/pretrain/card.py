"""Writes the model card: what the base models are, how they came about, what they can do."""

from __future__ import annotations

import json
from pathlib import Path

from commands.pretrain.criterion import Criterion
from common.core.io import write_bytes

TEMPLATE = Path(__file__).with_name("card.md")


def millions(folder: Path) -> float:
    """How many million weights the safetensors of a folder hold."""
    from safetensors import safe_open

    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                size = 1
                for edge in file.get_slice(name).get_shape():
                    size *= edge
                total += size
    return total / 1e6


def table(measured: list[Criterion]) -> str:
    """Rows of Markdown, one for each gate."""
    rows = []
    for criterion in measured:
        low, high = criterion.interval
        floor = (
            ""
            if criterion.floor == 0
            else f"{criterion.floor:.2f}" + ("" if criterion.passed else " **missed**")
        )
        blind = "" if criterion.blind is None else f"{criterion.blind:.2f}"
        rows.append(
            f"| {criterion.name} | {criterion.value:.3f} | {low:.3f} to {high:.3f} | {floor} | {blind} "
            f"| {criterion.n} |"
        )
    return "\n".join(rows)


def write(target: Path, work: Path, measured: list[Criterion], seed: int) -> None:
    """The card of the models in `target`; the cost comes from the progress logs in `work`."""
    cost = []
    for part in ("vision", "language", "joint", "broad"):
        last = json.loads((work / f"{part}.jsonl").read_text().splitlines()[-1])
        cost.append(f"{part} {last['seconds']:,} s")
    card = TEMPLATE.read_text(encoding="utf-8").format(
        clip=millions(target / "clip"),
        llava=millions(target / "llava"),
        size=48,
        seed=seed,
        cost=", ".join(cost),
        rows=table(measured),
    )
    write_bytes(target / "README.md", card.encode())
