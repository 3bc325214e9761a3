"""clip-retrieval's worker with our CLIP in it; as a program, one task of a SLURM job.

Owns the loader that takes the place of clip-retrieval's own, in whichever process its distribution strategy
starts: its loader of Hugging Face models (all_clip's hf_clip) expects a tensor where transformers 5 returns
an object. all_clip looks loaders up in a table.
"""

import importlib
from typing import Any

from common.clip import Clip


def register(clip: Clip | None = None) -> None:
    """Load "hf_clip:FOLDER-OR-ID@REVISION" as our Clip from now on, or be this one."""

    def load(name: str, _: bool, device: str, __: str | None) -> tuple[Clip, Any, Any]:
        model, _, revision = name.rpartition("@")
        loaded = clip or Clip(model, revision or None, device)
        return loaded, loaded.preprocess, loaded.tokenize

    table = importlib.import_module("all_clip.main")
    table._CLIP_REGISTRY["hf_clip:"] = load
    table.load_clip.cache_clear()
    table.load_clip_without_warmup.cache_clear()


def worker(**settings: Any) -> None:
    """clip-retrieval's worker; `settings` are its own."""
    register()
    importlib.import_module("clip_retrieval.clip_inference.worker").worker(**settings)


if __name__ == "__main__":
    register()
    importlib.import_module("clip_retrieval.clip_inference.slurm_worker").slurm_worker()
