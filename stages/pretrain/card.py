"""Writes the model card: what the base models are, how they came about, what they can do."""

from __future__ import annotations

import json
from pathlib import Path

from stages.core.io import write_bytes
from stages.pretrain.gates import Gate

TEXT = """# Base models of the embedded world

Two small models that let the whole pipeline run on a laptop. They know nothing but drawings of made-up subjects.

- `clip`: `CLIPModel`, {clip:.1f} million weights, {size} px images, patch 8.
- `llava`: `LlavaForConditionalGeneration`, {llava:.1f} million weights: the CLIP's vision tower, a two-layer projector,
  a Llama of 4 layers and width 192 with its own output head. Prompts as LLaVA-1.5: `USER: <image>\\n… ASSISTANT: …</s>`.

## Data

Photos and sentences drawn without end from the world generator (`stages/world`): individuals with five nameable
attributes (15 nouns, 8 × 7 colors, 4 patterns, 5 accessories) and a 3×3 marking without a name, in 6 places beside
5 props. Individuals are drawn at random for every batch; the benchmark's are other draws.

## Recipe

Seed {seed}. `make pretrain` repeats it; `dvc repro` never does. Parts: CLIP with supervised readout patches; the Llama on
attribute embeddings in place of pixels, one skill at a time; projector by regression; projector and Llama jointly on
photos with the tower frozen. Muon for hidden matrices, AdamW for the rest. Wall-clock seconds on two shared CPU cores,
other work beside: {cost}.

## Measured on individuals never seen

`python -m stages.pretrain gates` measures them again. Interval: 95 % Wilson. Blind: the same with another's photo or
sentence, or chance.

| ability | value | interval | floor | blind | n |
|---|---|---|---|---|---|
{rows}

## Limits

Not a model of the real world: on camera photos its answers are guesses. Only the wordings of the world generator and
close variants are understood.
"""


def _weights(folder: Path) -> float:
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


def write(target: Path, work: Path, measured: list[Gate], seed: int) -> None:
    """The card of the models in `target`; the cost comes from the progress logs in `work`."""
    rows, cost = [], []
    for gate in measured:
        low, high = gate.interval
        floor = "" if gate.floor == 0 else f"{gate.floor:.2f}" + ("" if gate.passed else " **missed**")
        blind = "" if gate.blind is None else f"{gate.blind:.2f}"
        rows.append(f"| {gate.name} | {gate.value:.3f} | {low:.3f}–{high:.3f} | {floor} | {blind} | {gate.n} |")
    for part in ("vision", "language", "joint"):
        last = json.loads((work / f"{part}.jsonl").read_text().splitlines()[-1])
        cost.append(f"{part} {last['seconds']:,} s ({last['step']:,} steps)")
    card = TEXT.format(
        clip=_weights(target / "clip"),
        llava=_weights(target / "llava"),
        size=48,
        seed=seed,
        cost=", ".join(cost),
        rows="\n".join(rows),
    )
    write_bytes(target / "README.md", card.encode())
