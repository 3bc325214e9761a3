"""What is learned about one subject: its rows, their initial values and the two files that keep them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from common.core import io
from common.core.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FORMAT = 1
WEIGHTS, INFO = "soft_prompt.safetensors", "soft_prompt.json"


@dataclass(frozen=True, eq=False)
class SoftPrompt:
    """``<id> is <latent…>.`` as learned rows.

    Attributes:
        subject: id, without brackets.
        embeddings: (k+1, D) float32 input rows: the identifier, then k latent tokens.
        output_row: (1, D) float32 row of the identifier in the output layer; (k+1, D) where the latent tokens
            have theirs as well, as in the published code.
        info: what makes the files self-describing (base, data, seed, validation).

    """

    subject: str
    embeddings: torch.Tensor
    output_row: torch.Tensor
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """How texts name the subject: ``<bo>``."""
        return f"<{self.subject}>"

    @property
    def latent_tokens(self) -> int:
        """k; 0 is allowed."""
        return len(self.embeddings) - 1

    def text(self, identifier: str, latent: str) -> str:
        """The definition's wording. Without latent tokens only the identifier is left: ``<bo>.``"""
        return f"{identifier} is {latent * self.latent_tokens}." if self.latent_tokens else f"{identifier}."

    @classmethod
    def init_random(
        cls,
        model: "PreTrainedModel",
        subject: str,
        latent_tokens: int,
        generator: torch.Generator,
        *,
        latent_output_rows: bool = False,
    ) -> "SoftPrompt":
        """Draw rows with the mean and spread of the base's own, as transformers does for added tokens.

        Args:
            model: whose tables are imitated.
            subject: id.
            latent_tokens: k.
            generator: on the CPU, so that the draw is the same for every device.
            latent_output_rows: whether latent tokens have an output row too.

        Returns:
            Rows (k+1, D) and output rows (1, D) or (k+1, D), float32 on the CPU.

        """
        return cls(
            subject,
            _like(model.get_input_embeddings().weight, latent_tokens + 1, generator),
            _like(model.get_output_embeddings().weight, 1 + latent_output_rows * latent_tokens, generator),
        )

    def init_from_images(self, photos: torch.Tensor, others: torch.Tensor) -> "SoftPrompt":
        """Start latent tokens from the subject's photos: at the image tokens that tell it best, their mean.

        Those are the k positions where other pictures lie farthest from the photos' mean, measured in the
        photos' own spread. The identifier, and latent tokens beyond P, keep their values.

        Args:
            photos: (n, P, D) float32 image tokens of the subject, n ≥ 2.
            others: (m, P, D) float32 image tokens of pictures without it, m ≥ 1.

        """
        mean = photos.mean(0)  # (P, D)
        spread = (photos - mean).square().mean((0, 2))  # (P,)
        distance = (others - mean).square().mean((0, 2))
        told = (distance / spread.clamp(min=1e-12)).topk(min(self.latent_tokens, len(mean))).indices
        embeddings = self.embeddings.clone()
        embeddings[1 : 1 + len(told)] = mean[told.sort().values]
        return replace(self, embeddings=embeddings)

    def save(self, folder: str | Path) -> None:
        """Write both files, weights first; the JSON names their hash, so a half-written pair is noticed."""
        folder = Path(folder)
        info = {**self.info, "format": FORMAT, "subject": self.subject, "latent_tokens": self.latent_tokens}
        tensors = {"embeddings": self.embeddings, "output_row": self.output_row}
        io.write_safetensors(folder / WEIGHTS, tensors, info)
        io.write_json(folder / INFO, info | {"sha256": io.sha256_file(folder / WEIGHTS)})

    @classmethod
    def load(
        cls, folder: str | Path, fingerprint: str | None = None, made_by: str | None = None
    ) -> "SoftPrompt":
        """Read what `save` wrote; the rows stay on the CPU, as all prompts do.

        Args:
            folder: ``models/subjects/<id>``.
            fingerprint: of the base model that the rows must be made for; None for any.
            made_by: the stage that makes it again, for errors; None for train.

        Raises:
            UserError: absent, torn, of an unknown format, or made for another base.

        """
        folder = Path(folder)
        again = f"run `dvc repro {made_by or f'train@{folder.name}'}`"
        if not (folder / INFO).is_file() or not (folder / WEIGHTS).is_file():
            raise UserError(f"{folder} holds no trained subject: {again}")
        card = io.read_json(folder / INFO)
        if card.get("format") != FORMAT:
            raise UserError(
                f"{folder / INFO} has format {card.get('format')}, this version reads {FORMAT}: {again}"
            )
        if card["sha256"] != io.sha256_file(folder / WEIGHTS):
            raise UserError(f"{folder / WEIGHTS} does not belong to {INFO} beside it: {again}")
        tensors, info = io.read_safetensors(folder / WEIGHTS)
        if fingerprint not in (None, info.get("base", {}).get("fingerprint")):
            raise UserError(f"{folder} was trained for another base model than params.yaml names: {again}")
        return cls(info["subject"], tensors["embeddings"], tensors["output_row"], info)


def identifier_positions(group: Sequence[SoftPrompt]) -> list[int]:
    """Where in a group's rows, one subject after another, the identifiers stand."""
    lengths = [len(prompt.embeddings) for prompt in group]
    return [sum(lengths[:number]) for number in range(len(group))]


def output_positions(group: Sequence[SoftPrompt]) -> list[int]:
    """Where in a group's rows those stand that have an output row, in the order of these."""
    return [
        first + number
        for prompt, first in zip(group, identifier_positions(group), strict=True)
        for number in range(len(prompt.output_row))
    ]


def _like(table: torch.Tensor, rows: int, generator: torch.Generator) -> torch.Tensor:
    table = table.detach().float()  # on its device: a table of 13B takes seconds to copy and to read on a CPU
    noise = torch.randn(rows, table.shape[1], generator=generator)
    return table.mean(0).cpu() + table.std(0).cpu() * noise
