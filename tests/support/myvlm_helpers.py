"""What the tests of MyVLM share: subjects to learn, a short section, and the plain way to append a vector."""

import copy
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import torch
from PIL import Image

from common import methods, vlm
from common.core import io, paths, schema
from common.core.params import load
from common.methods.interface import Backbones, Method, MethodSubject
from tests.support.helpers import ROOT
from tests.support.vlm_helpers import full_inputs

SECTION = load(ROOT / "params.yaml").methods["myvlm"]
PHOTOS = 2  # per subject; fewer than a step takes


def write_tables(subject: MethodSubject, files: Sequence[Path], photos: int = PHOTOS) -> None:
    """The tables of a subject: the first files are its photos, with a question and a caption each."""
    empty = dict.fromkeys(schema.DATASET.names) | {"task": "recognition", "split": "validation"}
    rows = [
        empty
        | {
            "sample": number,
            "role": "positive" if number < photos else "hard",
            "label": "yes" if number < photos else "no",
            "image": {"bytes": file.read_bytes(), "path": file.name},
            "source": file.name,
            "source_sha256": io.sha256_file(file),
        }
        for number, file in enumerate(files)
    ]
    io.write_parquet(subject.dataset, rows, schema.DATASET, ["sample"])
    turns = [
        dict.fromkeys(schema.CONVERSATIONS.names)
        | {"kind": kind, "photo": row["source"], "photo_sha256": row["source_sha256"], "turn": turn}
        | {"question": f"What is {subject.token}?", "answer": f"{subject.token} is a dog."}
        for row in rows[:photos]
        for turn, kind in enumerate(("qa", "caption"))
    ]
    io.write_parquet(subject.conversations, turns, schema.CONVERSATIONS, ["photo", "turn"])


def shortened(mode: str = "captioning", threshold: float = 0.5, **changes: object) -> dict:
    """The section of params.yaml, shortened; the threshold decides whether heads fire at all."""
    section = copy.deepcopy(dict(SECTION)) | {"mode": mode} | changes
    section["head"] = dict(section["head"]) | {"steps": 20, "pictures": 6, "threshold": threshold}
    section["embedding"] = dict(section["embedding"]) | {"steps": 5, "checkpoints": 2}
    return section


def prepared(backbones: Backbones, *args: object, **changes: object) -> Method:
    """MyVLM with the section `shortened`."""
    return methods.prepare("myvlm", {"myvlm": shortened(*args, **changes)}, backbones)


def fitted_files() -> dict[Path, bytes]:
    """Everything that was fitted."""
    return {path: path.read_bytes() for path in sorted(paths.FITTED.rglob("*")) if path.is_file()}


def image_tokens(base: vlm.Base, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """What transformers' model makes of one image: (P, D)."""
    return _image_features(base, inputs)[0]


def _image_features(base: vlm.Base, inputs: dict[str, torch.Tensor]) -> torch.Tensor | Sequence[torch.Tensor]:
    shown = {name: inputs[name] for name in ("pixel_values", "image_sizes") if name in inputs}
    return base.model.model.get_image_features(**shown).pooler_output


def appended_inputs(
    base: vlm.Base, image: Image.Image, suffix: vlm.Suffix, vector: torch.Tensor
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """Transformers' model, its image features longer by the vector's rows, and inputs with as many ids."""
    model = copy.deepcopy(base.model)
    model.set_attn_implementation("eager")
    inputs = full_inputs(base, image, suffix)
    seen = _image_features(base, inputs)
    longer = torch.cat([seen[0], vector])
    # of one image a tensor, or a list, as the family has it
    made = SimpleNamespace(pooler_output=longer[None] if isinstance(seen, torch.Tensor) else [longer])
    model.model.get_image_features = lambda *args, **kwargs: made
    ids, token = inputs["input_ids"][0], model.config.image_token_id
    after = int((ids == token).nonzero().max()) + 1
    ids = torch.cat([ids[:after], ids.new_full((len(vector),), token), ids[after:]])
    return model, inputs | {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}


def plain_answer(
    base: vlm.Base, image: Image.Image, question: str, vector: torch.Tensor, max_new_tokens: int
) -> str:
    """The most probable words about a photo with the vector's rows (m, D), by a whole forward for each."""
    model, inputs = appended_inputs(base, image, vlm.suffix(base, None, question), vector)
    new: list[int] = []
    while len(new) < max_new_tokens and base.tokenizer.eos_token_id not in new:
        new.append(int(model(**inputs).logits[0, -1].argmax()))
        ids = torch.cat([inputs["input_ids"], torch.tensor([new[-1:]])], 1)
        inputs |= {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    said = [i for i in new if i != base.tokenizer.eos_token_id]
    return base.layout.decode(said, base.vocab_size, [])
