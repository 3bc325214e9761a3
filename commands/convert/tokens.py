"""Yo'LLaVA's learned rows: ``<epoch>-token.pt`` and ``<epoch>-lmhead.pt``.

Two bare bfloat16 tensors, row 0 the identifier, then the k latent tokens: (k+1, D) input rows and (k+1, D)
rows of the output layer. All are read, and written where they were learned; a head file with the identifier's
row alone, (1, D), is read as well. `stages.train` learns no output rows for latent tokens, which are never
answers: in their place rows are written that cannot win (`rows.output_table`).

The originals store neither name, base model nor wording. ``<epoch>-info.json``, written beside them, does,
and says how many of the output rows were learned; without it the name is the one on the command line and the
base that of params.yaml. bfloat16 keeps 8 bits of the pipeline's float32: writing rounds.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, PositiveInt

from commands.convert import files, tensors
from commands.convert.job import Job
from commands.convert.tensors import finite as _finite
from common.core import foreign, io, paths
from common.core.errors import UserError

if TYPE_CHECKING:
    import torch

TOKEN, HEAD, INFO = "-token.pt", "-lmhead.pt", "-info.json"
MAX_ROWS = 1025  # an identifier and far more latent tokens than a context has room for
ABOUT = 'a card with "base" and "output_rows" is expected'


class CardBase(BaseModel):
    """The base that rows were learned for, as far as it is used."""

    model: str
    fingerprint: str


class Card(BaseModel):
    """What ``<epoch>-info.json`` says, as far as it is used."""

    base: CardBase
    output_rows: PositiveInt


def write(job: Job) -> str:
    """Write the pair and its card from models/subjects/<id>.

    Raises UserError if the subject is not trained, was for another base, or a file exists already.
    """
    token, head, card = _paths(job.path)
    files.refuse_existing(token, head, card)
    from commands.convert.rows import output_table
    from common.vlm import SoftPrompt

    base = job.load_base()
    prompt = SoftPrompt.load(paths.subject_model(job.subject), base.fingerprint)
    output = output_table(base, prompt).cpu()
    for path, rows in ((token, prompt.embeddings), (head, output)):
        tensors.save(path, rows.bfloat16())
    io.write_json(card, prompt.info | {"output_rows": len(prompt.output_row)})
    learned = "" if len(prompt.output_row) == len(output) else ", of which the head learned the first"
    return f"{token} and {head.name}, {len(output)} rows each{learned}"


def read(job: Job) -> str:
    """Make models/subjects/<id> of a pair, for the base model of params.yaml.

    Raises UserError if a file is missing, damaged, holds anything but a table of numbers, or does not fit the
    base or its pair.
    """
    from common.vlm import SoftPrompt

    token, head, card = _paths(job.path)
    embeddings, output = _load(token), _load(head)  # nothing is computed before all shapes are known
    if len(output) not in (1, len(embeddings)) or output.shape[1] != embeddings.shape[1]:
        raise UserError(
            f"{head} holds {tensors.shape(output)} numbers and {token.name} {tensors.shape(embeddings)}: "
            "take two files of the same training"
        )
    known = foreign.read(card, Card, ABOUT) if card.exists() else None
    base = job.load_base()
    if embeddings.shape[1] != base.hidden_size:
        raise UserError(
            f"{token} holds rows of {embeddings.shape[1]} numbers, and those of {base.name} have "
            f"{base.hidden_size}: set base.vlm.model in params.yaml to the model that they were learned for"
        )
    if known and known.base.fingerprint != base.fingerprint:
        raise UserError(
            f"{card} says that these rows were learned for {foreign.printable(known.base.model)}, not for "
            f"{base.name}: set base.vlm.model in params.yaml to it"
        )
    rows = known.output_rows if known else len(output)
    embeddings, output = _finite(token, embeddings), _finite(head, output[:rows])
    info: dict[str, Any] = {
        "base": {
            "model": base.name,
            "dtype": str(base.model.dtype).removeprefix("torch."),
            "fingerprint": base.fingerprint,
        },
        "imported": {path.name: io.sha256_file(path) for path in (token, head)},
    }
    SoftPrompt(job.subject, embeddings, output, info).save(paths.subject_model(job.subject))
    return f"{len(embeddings)} rows read for {job.token} ({files.kept_by(f'train@{job.subject}')})"


def _paths(token: Path) -> tuple[Path, Path, Path]:
    """The three files, of which the first is named."""
    if not token.name.endswith(TOKEN):
        raise UserError(f"{token} is not named <epoch>{TOKEN}: name the token file so, such as best{TOKEN}")
    epoch = token.name.removesuffix(TOKEN)
    return token, token.with_name(epoch + HEAD), token.with_name(epoch + INFO)


def _load(path: Path) -> "torch.Tensor":
    """Give (n, D) as stored, 1 ≤ n ≤ MAX_ROWS, in no more memory than the file; nothing is executed."""
    rows = tensors.load(path, "put the token file and its head file side by side")
    return tensors.check_table(path, rows, MAX_ROWS)
