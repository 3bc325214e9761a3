"""Yo'LLaVA's learned rows: ``<epoch>-token.pt`` and ``<epoch>-lmhead.pt``.

Two bare bfloat16 tensors, row 0 the identifier, then the k latent tokens: (k+1, D) input rows and (k+1, D)
rows of the output layer. A head file with the identifier's row alone, (1, D), is read as well. Name, base
model and wording are not stored: the name is the one on the command line, the base that of params.yaml.

This pipeline learns no output rows for latent tokens, which are never answers. Written are rows that cannot
win (`rows.silent`); read are none. bfloat16 keeps 8 bits of the pipeline's float32: writing rounds.
"""

import io as memory
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from stages.convert import files
from stages.convert.job import Job
from stages.core import io, paths
from stages.core.errors import UserError

if TYPE_CHECKING:
    import torch

TOKEN, HEAD = "-token.pt", "-lmhead.pt"


def write(job: Job) -> str:
    """Write the pair from models/subjects/<id>.

    Raises UserError if the subject is not trained, was for another base, or a file exists already.
    """
    token, head = _pair(job.path)
    files.refuse_existing(token, head)
    import torch

    from stages.convert.rows import silent
    from stages.vlm import SoftPrompt

    base = job.load_base()
    prompt = SoftPrompt.load(paths.subject_model(job.subject), base)
    output = torch.cat([prompt.output_row, silent(base).cpu().expand(prompt.latent_tokens, -1)])
    for path, rows in ((token, prompt.embeddings), (head, output)):
        file = memory.BytesIO()
        torch.save(rows.bfloat16(), file)
        io.write_bytes(path, file.getvalue())
    return f"{token} and {head.name}, {len(output)} rows each"


def read(job: Job) -> str:
    """Make models/subjects/<id> of a pair, for the base model of params.yaml.

    Raises UserError if a file is missing, holds anything but a tensor, or does not fit the base or its pair.
    """
    from stages.vlm import SoftPrompt

    token, head = _pair(job.path)
    embeddings, output = _load(token), _load(head)
    if len(output) not in (1, len(embeddings)) or output.shape[1] != embeddings.shape[1]:
        raise UserError(
            f"{head} holds {_shape(output)} numbers and {token.name} {_shape(embeddings)}: "
            "take two files of the same training"
        )
    base = job.load_base()
    if embeddings.shape[1] != base.hidden_size:
        raise UserError(
            f"{token} holds rows of {embeddings.shape[1]} numbers, and those of {base.name} have "
            f"{base.hidden_size}: set base.model in params.yaml to the model that the rows were learned for"
        )
    info = {
        "base": {
            "model": base.name,
            "dtype": str(base.model.dtype).removeprefix("torch."),
            "fingerprint": base.fingerprint,
        },
        "imported": {path.name: io.sha256_file(path) for path in (token, head)},
    }
    SoftPrompt(job.subject, embeddings, output[:1].clone(), info).save(paths.subject_model(job.subject))
    return f"{len(embeddings)} rows read for {job.token} ({files.kept_by(f'train@{job.subject}')})"


def _pair(token: Path) -> tuple[Path, Path]:
    if not token.name.endswith(TOKEN):
        raise UserError(f"{token} is not named <epoch>{TOKEN}: name the token file so, such as best{TOKEN}")
    return token, token.with_name(token.name.removesuffix(TOKEN) + HEAD)


def _load(path: Path) -> "torch.Tensor":
    """Give (n, D) float32 on the CPU, n ≥ 1; nothing in the file is executed."""
    import torch

    if not path.is_file():
        raise UserError(f"{path} is missing: put the token file and its head file side by side")
    try:
        rows = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise UserError(
            f"{path} is damaged, or holds code, which is not loaded ({type(error).__name__}): "
            "take the tensor file that training wrote"
        ) from None
    if not isinstance(rows, torch.Tensor) or rows.ndim != 2 or not len(rows) or not rows.is_floating_point():
        raise UserError(f"{path} holds no table of numbers: take the tensor file that training wrote")
    if not rows.isfinite().all():
        raise UserError(f"{path} holds NaN or infinity: take a file of an earlier epoch")
    return rows.detach().float().contiguous()


def _shape(rows: "torch.Tensor") -> str:
    return " x ".join(map(str, rows.shape))
