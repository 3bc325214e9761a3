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
    """Show what nobody caught, but for what is no defect: a torn file, or an end, while a stage imports."""
    if issubclass(kind, EOFError) and str(error).startswith("marshal"):
        print(
            "error: a compiled file of Python's is torn, as a full disk leaves them: run "
            "`find . -name '*.pyc' -delete`, and the command again",
            file=sys.stderr,
        )
    elif not _is_an_end(error):
        sys.__excepthook__(kind, error, trace)


def _is_an_end(error: BaseException | None) -> bool:
    """Whether it is Ctrl+C, or was made of that or of an exit: transformers' lazy imports do so."""
    while error is not None:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            return True
        error = error.__cause__
    return False


sys.excepthook = _shown
