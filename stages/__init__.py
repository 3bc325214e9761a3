"""One package per pipeline stage, plus `core`, `vlm` and `world`, which the stages share.

A stage package never imports another stage package: stages meet only through the files named in dvc.yaml.
"""

import sys
from importlib.util import find_spec

if find_spec("ruamel") is None:  # any other Python than ours; in place of a traceback
    sys.exit(
        f"error: {sys.executable} lacks the packages: run `make setup`, then `source .venv/bin/activate`"
    )
