"""Curves for TensorBoard while something is being trained: losses and norms by step, accuracy by epoch.

Asked for by the environment variable PERSONAL_VLM_TENSORBOARD, which names a folder; not by params.yaml, for
no output depends on them, and nothing need run again: ``PERSONAL_VLM_TENSORBOARD=logs dvc repro``, and beside
it ``tensorboard --logdir logs``. Without it nothing is computed or written.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

VARIABLE = "PERSONAL_VLM_TENSORBOARD"
Values = Mapping[str, torch.Tensor | float]  # by name, each ()


class Curves:
    """The curves of one run: () float values, which stay on their device until they are written."""

    def __init__(self, run: str) -> None:
        """Draw into this folder of the variable's, if there is one."""
        folder = os.environ.get(VARIABLE)
        self.folder = Path(folder, run) if folder else None
        self._waiting: list[tuple[str, int, Values]] = []
        self._writer: SummaryWriter | None = None

    def __bool__(self) -> bool:
        """Whether anything is drawn, so that nobody computes in vain."""
        return self.folder is not None

    def add(self, group: str, at: int, values: Values) -> None:
        """Take values of a step or an epoch; which of both, the group's name says."""
        if self:
            self._waiting.append((group, at, values))

    def write(self) -> None:
        """Write what was taken, so that it is seen now."""
        if self.folder is None or not self._waiting:
            return
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter  # a second, for those who want it

            # what an earlier run drew from here on is not shown any more
            self._writer = SummaryWriter(self.folder, purge_step=self._waiting[0][1])
        for group, at, values in self._waiting:
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", float(value), at)
        self._waiting.clear()
        self._writer.flush()
