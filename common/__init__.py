"""What stages and commands share: core, corpus, prompts, testdata, world, vlm, clip, training, methods.

Nothing here imports a stage or a command.
"""

import os
import sys
from importlib.util import find_spec
from types import TracebackType

if find_spec("ruamel") is None:  # any other Python than ours; in place of a traceback
    sys.exit(
        f"error: {sys.executable} lacks the packages: run `make setup`, then `source .venv/bin/activate`"
    )

# OpenMP, loaded later, reads this: threads that wait for each other sleep. Where they spin, they take half of
# a training's processor time, and more where something else runs. No result depends on it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _shown(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what nobody caught, but for what is no defect: Ctrl+C and a torn file while a stage imports."""
    if issubclass(kind, EOFError) and str(error).startswith("marshal"):
        print(
            "error: a compiled file of Python's is torn, as a full disk leaves them: run "
            "`find . -name '*.pyc' -delete`, and the command again",
            file=sys.stderr,
        )
    elif not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _shown
