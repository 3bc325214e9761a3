"""What stages and commands share: core, corpus, prompts, testdata, world, vlm, clip, training, methods.

Nothing here imports a stage or a command.
"""

import sys
from importlib.util import find_spec

if find_spec("ruamel") is None:  # any other Python than ours; in place of a traceback
    sys.exit(
        f"error: {sys.executable} lacks the packages: run `make setup`, then `source .venv/bin/activate`"
    )
