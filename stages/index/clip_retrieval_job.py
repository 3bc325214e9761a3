"""The process that runs `clip-retrieval inference`: `python -m stages.index.clip_retrieval_job JOB.json`.

Owns its start with our worker in the place of its own, whichever distribution strategy starts that.
"""

import importlib
import json
import sys
import threading
from pathlib import Path
from typing import Any

from stages.index import clip_retrieval_worker
from stages.index.subprocess_job import end_with_parent

THEIRS = "clip-retrieval inference.slurm_worker"  # the last words of the script that is given to sbatch


def main(settings: dict[str, Any]) -> None:
    """Embed a folder as `settings` say (clip-retrieval's own argument names)."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    use_our_worker()
    importlib.import_module("clip_retrieval.clip_inference.main").main(**settings)


def use_our_worker() -> None:
    """Put our worker in the place of clip-retrieval's, for each of its strategies."""
    package = "clip_retrieval.clip_inference"
    importlib.import_module(f"{package}.distributor").worker = clip_retrieval_worker.worker
    slurm = importlib.import_module(f"{package}.slurm_distributor").SlurmDistributor
    script = slurm._generate_sbatch
    ours = f"{sys.executable} -m {clip_retrieval_worker.__name__}"
    slurm._generate_sbatch = lambda *of, **what: script(*of, **what).replace(THEIRS, ours)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
