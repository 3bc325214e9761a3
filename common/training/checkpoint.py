"""Where a training stands after an epoch, as a file: a killed one goes on there, with the same bits.

Nobody goes on who would compute something else. What is in it, `run` and `learn` say.
"""

import hashlib
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from common.core import io

CODE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training.

    Attributes:
        path: in a folder that no stage owns, for DVC empties those.
        fingerprint: of everything that the training depends on.

    """

    path: Path
    fingerprint: str

    @classmethod
    def of(cls, path: Path, **depends_on: Any) -> "Checkpoint":
        """The file of a training that depends on these values, on our code and on torch."""
        digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode())
        digest.update(torch.__version__.encode())
        for source in sorted(CODE.rglob("*.py")):
            digest.update(f"{source.relative_to(CODE)}\n".encode() + source.read_bytes())
        return cls(path, digest.hexdigest())

    def load(self) -> dict[str, Any] | None:
        """What `save` was given, on the CPU; None if there is nothing, or of another training."""
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
            return None  # absent or damaged: the training begins anew
        if not isinstance(saved, dict) or saved.get("fingerprint") != self.fingerprint:
            return None
        return saved["state"]

    def save(self, state: dict[str, Any]) -> None:
        """Write dictionaries and sequences of tensors, texts and numbers, in place of an earlier state."""
        with io.atomic(self.path) as file:
            torch.save({"fingerprint": self.fingerprint, "state": state}, file)

    def remove(self) -> None:
        """The training is done, and its outputs are written."""
        self.path.unlink(missing_ok=True)
