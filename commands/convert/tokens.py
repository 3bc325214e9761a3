"""Yo'LLaVA's learned rows: ``<epoch>-token.pt`` and ``<epoch>-lmhead.pt``.

Two bare bfloat16 tensors, row 0 the identifier, then the k latent tokens: (k+1, D) input rows and (k+1, D)
rows of the output layer. Known of the published loaders: they assign the head file to all k+1 rows at once,
so that a file with fewer rows is refused by torch, and one with a single row gives that row to every token,
which may then be said in the identifier's place. Nothing is made up on the way out: written are soft prompts
that have learned all output rows, and others are refused. `stages.train` learns the identifier's alone, for
latent tokens are never answers; the method soft_prompt_variant with `head: all` learns all, as the published
code does, and is what is written where train's has not. A head file with the identifier's row alone, (1, D),
is read as well.

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

    from common.vlm import SoftPrompt

SECTION = "soft_prompt_all_rows"  # that learns all output rows
TOKEN, HEAD, INFO = "-token.pt", "-lmhead.pt", "-info.json"
MAX_ROWS = 1025  # an identifier and far more latent tokens than a context has room for
ABOUT = 'a card with "base" and "output_rows" is expected'


class CardBase(BaseModel):
    """The base that rows were learned for, as far as it is used."""

    model: str
    fingerprint: str


class TokensCard(BaseModel):
    """What ``<epoch>-info.json`` says, as far as it is used."""

    base: CardBase
    output_rows: PositiveInt


def write(job: Job) -> str:
    """Write the pair and its card from models/subjects/<id>, or from a variant that learned all output rows.

    Raises UserError if neither has them, the subject is not trained, was for another base, or a file exists.
    """
    token, head, card = _paths(job.path)
    files.refuse_existing(token, head, card)
    prompt = _with_all_rows(job, job.load_base().fingerprint)
    for path, rows in ((token, prompt.embeddings), (head, prompt.output_row)):
        tensors.save(path, rows.bfloat16())
    io.write_json(card, prompt.info | {"output_rows": len(prompt.output_row)})
    return f"{token} and {head.name}, {len(prompt.embeddings)} rows each"


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
    known = foreign.read(card, TokensCard, ABOUT) if card.exists() else None
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


def _with_all_rows(job: Job, fingerprint: str) -> "SoftPrompt":
    """The subject's soft prompt, or the first variant's of params.yaml, that has k+1 output rows."""
    from common.vlm import SoftPrompt

    folders = {f"train@{job.subject}": paths.subject_model(job.subject)}
    for name, section in job.methods.items():
        folder = paths.fitted(name) / job.subject
        if (
            section.get("method") == "soft_prompt_variant"
            and section.get("head") == "all"
            and folder.is_dir()
        ):
            folders[f"fit_baseline@{name}"] = folder
    for stage, folder in folders.items():
        prompt = SoftPrompt.load(folder, fingerprint, made_by=stage)
        if len(prompt.output_row) == len(prompt.embeddings):
            return prompt
    raise UserError(
        f"{job.subject} has learned an output row for {job.token} alone, and this format has one for each of "
        f"{len(prompt.embeddings)} tokens: put {SECTION} of benchmarks/further_methods.yaml under methods in "
        f"{paths.PARAMS} and run `dvc repro fit_baseline@{SECTION}`"
    )


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
