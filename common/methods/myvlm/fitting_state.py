"""Where the fitting of a subject stands, as a file: a killed one goes on there, with the same bits.

Kept are the head, once it is trained, and the vector with its optimizer after each of the steps that vectors
are kept after. Owns what that depends on. Does not own the file (`training.checkpoint`) or either training.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from common import vlm
from common.core import io, paths
from common.core.progress import say
from common.methods.interface import Method, MethodSubject
from common.methods.myvlm import heads
from common.methods.myvlm.captioner import Captioner
from common.methods.myvlm.features import FeatureExtractor
from common.training.checkpoint import Checkpoint

FittedHead = tuple[heads.Head, torch.Tensor, dict[str, Any]]  # with its keys and its split (see `concept`)


@dataclass(frozen=True, eq=False)
class FittingState:
    """Parts that are done, by name: head and vector.

    Attributes:
        checkpoint: the file.
        parts: what it holds; empty if there is none of the same fitting.

    """

    checkpoint: Checkpoint
    parts: dict[str, Any]

    @classmethod
    def of(
        cls,
        method: Method,
        model: vlm.Base | Captioner,
        features: FeatureExtractor,
        subject: MethodSubject,
    ) -> "FittingState":
        """Read what an earlier run of the same fitting has left, if any."""
        checkpoint = Checkpoint.of(
            paths.checkpoint(f"{method.name}-{subject.id}"),
            subject=[subject.id, subject.kind, subject.noun],
            data=[io.sha256_file(path) for path in (subject.dataset, subject.conversations)],
            training=method.settings.model_dump() | {"seed": method.backbones.seed},
            model=_identity(model),
            features=features.fingerprint(subject.kind),
            device=[str(model.device), torch.get_num_threads(), method.backbones.batch_size],
        )
        return cls(checkpoint, checkpoint.load() or {})

    def head(self, fit: Callable[[], FittedHead]) -> FittedHead:
        """The head that an earlier run has trained, or the one that `fit` trains now, which is kept."""
        if "head" not in self.parts:
            head, keys, split = fit()
            self.keep("head", {"tensors": head.tensors, "info": head.info, "keys": keys, "split": split})
            return head, keys, split
        kept = self.parts["head"]
        return heads.of(kept["tensors"], kept["info"]), kept["keys"], kept["split"]

    def vector(self, title: str) -> dict[str, Any] | None:
        """What `keep` was last given of the vector; None if its training begins."""
        kept = self.parts.get("vector")
        if kept:
            say(f"{title}: training goes on after step {kept['step']}, which an earlier run has reached")
        return kept

    def keep(self, part: str, state: dict[str, Any]) -> None:
        """Write this part beside the others."""
        self.parts[part] = state
        self.checkpoint.save(self.parts)


def _identity(model: vlm.Base | Captioner) -> list[str]:
    """Everything about a model that its numbers and texts depend on."""
    parts = [model.fingerprint, str(model.model.dtype), str(model.model.config)]
    if isinstance(model, vlm.Base):
        parts += [str(model.image_size), model.layout.describe("", image=True)]
    return parts
