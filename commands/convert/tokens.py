"""Yo'LLaVA's learned rows: ``<epoch>-token.pt`` and ``<epoch>-lmhead.pt``.

Two bare bfloat16 tensors, row 0 the identifier, then the k latent tokens: (k+1, D) input rows and (k+1, D)
rows of the output layer. A head file with the identifier's row alone, (1, D), is read as well. Name, base
model and wording are not stored: the name is the one on the command line, the base that of params.yaml.

This pipeline learns no output rows for latent tokens, which are never answers. Written are rows that cannot
win (`rows.silent`); read are none. bfloat16 keeps 8 bits of the pipeline's float32: writing rounds.
"""

import io as memory
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from commands.convert import files
from commands.convert.job import Job
from common.core import io, paths
from common.core.errors import UserError

if TYPE_CHECKING:
    import torch

TOKEN, HEAD = "-token.pt", "-lmhead.pt"
MAX_BYTES = 256 * 2**20  # of a file; a pair of the paper's has 170 kB
MAX_ROWS = 1025  # an identifier and far more latent tokens than a context has room for


def write(job: Job) -> str:
    """Write the pair from models/subjects/<id>.

    Raises UserError if the subject is not trained, was for another base, or a file exists already.
    """
    token, head = _pair(job.path)
    files.refuse_existing(token, head)
    import torch

    from commands.convert.rows import silent_output_row
    from common.vlm import SoftPrompt

    base = job.load_base()
    prompt = SoftPrompt.load(paths.subject_model(job.subject), base.fingerprint)
    output = torch.cat([prompt.output_row, silent_output_row(base).cpu().expand(prompt.latent_tokens, -1)])
    for path, rows in ((token, prompt.embeddings), (head, output)):
        file = memory.BytesIO()
        torch.save(rows.bfloat16(), file)
        io.write_bytes(path, file.getvalue())
    return f"{token} and {head.name}, {len(output)} rows each"


def read(job: Job) -> str:
    """Make models/subjects/<id> of a pair, for the base model of params.yaml.

    Raises UserError if a file is missing, damaged, holds anything but a table of numbers, or does not fit the
    base or its pair.
    """
    from common.vlm import SoftPrompt

    token, head = _pair(job.path)
    embeddings, output = _load(token), _load(head)  # nothing is computed before all shapes are known
    if len(output) not in (1, len(embeddings)) or output.shape[1] != embeddings.shape[1]:
        raise UserError(
            f"{head} holds {_shape(output)} numbers and {token.name} {_shape(embeddings)}: "
            "take two files of the same training"
        )
    base = job.load_base()
    if embeddings.shape[1] != base.hidden_size:
        raise UserError(
            f"{token} holds rows of {embeddings.shape[1]} numbers, and those of {base.name} have "
            f"{base.hidden_size}: set base.vlm.model in params.yaml to the model that they were learned for"
        )
    embeddings, output = _finite(token, embeddings), _finite(head, output[:1])
    info = {
        "base": {
            "model": base.name,
            "dtype": str(base.model.dtype).removeprefix("torch."),
            "fingerprint": base.fingerprint,
        },
        "imported": {path.name: io.sha256_file(path) for path in (token, head)},
    }
    SoftPrompt(job.subject, embeddings, output, info).save(paths.subject_model(job.subject))
    return f"{len(embeddings)} rows read for {job.token} ({files.kept_by(f'train@{job.subject}')})"


def _pair(token: Path) -> tuple[Path, Path]:
    if not token.name.endswith(TOKEN):
        raise UserError(f"{token} is not named <epoch>{TOKEN}: name the token file so, such as best{TOKEN}")
    return token, token.with_name(token.name.removesuffix(TOKEN) + HEAD)


def _load(path: Path) -> "torch.Tensor":
    """Give (n, D) as stored, 1 ≤ n ≤ MAX_ROWS, in no more memory than the file; nothing is executed."""
    import torch

    _refuse_damaged(path)
    try:
        rows = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, EOFError, OSError, LookupError, TypeError) as error:
        raise _damaged(path, type(error).__name__) from None
    table = isinstance(rows, torch.Tensor) and rows.layout == torch.strided and rows.ndim == 2
    if (
        not table
        or rows.device.type != "cpu"
        or not rows.is_floating_point()
        or not 0 < len(rows) <= MAX_ROWS
    ):
        raise UserError(
            f"{path} holds no table of numbers of up to {MAX_ROWS} rows: take the file that training wrote"
        )
    if rows.numel() * rows.element_size() > rows.untyped_storage().nbytes():
        raise UserError(f"{path} holds fewer numbers than it says: take the tensor file that training wrote")
    return rows.detach()


def _refuse_damaged(path: Path) -> None:
    """Raise UserError unless this is an archive of torch.save's whose checksums hold."""
    if not path.is_file():
        raise UserError(f"{path} is missing: put the token file and its head file side by side")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            f"{path} is larger than {MAX_BYTES:,} bytes: take the tensor file that training wrote"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
            if packed or archive.testzip():  # torch itself does not look at checksums
                raise _damaged(path, "its checksum is wrong")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged(path, type(error).__name__) from None


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} is damaged, or holds code, which is not loaded ({reason}): "
        "take the tensor file that training wrote"
    )


def _finite(path: Path, rows: "torch.Tensor") -> "torch.Tensor":
    """The rows as float32, which must be able to hold them."""
    rows = rows.float().contiguous()
    if not rows.isfinite().all():
        raise UserError(
            f"{path} holds NaN, infinity or numbers too large for float32: take a file of an earlier epoch"
        )
    return rows


def _shape(rows: "torch.Tensor") -> str:
    return " x ".join(map(str, rows.shape))
