"""What stages and commands share: core, corpus, prompts, testdata, world, vlm, clip, training, methods.

Nothing here imports a stage or a command.
"""

import sys
from importlib.util import find_spec
from types import TracebackType

if find_spec("ruamel") is None:  # any other Python than ours; in place of a traceback
    sys.exit(
        f"error: {sys.executable} lacks the packages: run `make setup`, then `source .venv/bin/activate`"
    )


def _shown(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what nobody caught, but not a Ctrl+C while a stage is still importing: that is no defect."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _shown
