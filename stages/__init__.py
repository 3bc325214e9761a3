"""One package per pipeline stage, plus `core`, `vlm` and `world`, which the stages share.

A stage package never imports another stage package: stages meet only through the files named in dvc.yaml.
"""

import os
import sys
from importlib.util import find_spec

# Read by OpenMP when torch is imported. Threads that wait would spin otherwise: on a busy machine that took
# twelve times the CPU seconds of a training, and six times its minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if find_spec("ruamel") is None:  # any other Python than ours; in place of a traceback
    sys.exit(
        f"error: {sys.executable} lacks the packages: run `make setup`, then `source .venv/bin/activate`"
    )
