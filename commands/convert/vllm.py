"""The soft prompt as prompt embeddings, for a vLLM that serves the base model as it is.

A safetensors file with

    prompt_embeds   (n, D)  the definition ``<bo> is <latent…>.`` as the model is given it, n tokens
    identifier      (1, D)  the row to put where a question says ``<bo>``

in the model's dtype, and under the metadata key "info" the subject, the base, and the texts ``before`` and
``after`` the question, for questions without an image. To make a completion's prompt, add two tokens to the
base's tokenizer, ``<bo>`` and one that stands for the definition; encode before + that one + " " + question +
after; look up the base's rows; and put in prompt_embeds and identifier where the two tokens are. In a chat,
which may show a photo, definition and question are one content part: ``python -m commands.ask --vllm`` writes
such requests.

The identifier cannot be said that way, for its output row is not part of the base. A `huggingface` folder
can say it.

vLLM must be started with ``--enable-prompt-embeds``. Assumed from its documentation, without having run it:
prompts of shape (tokens, D) in the model's dtype.
"""

from typing import TYPE_CHECKING

from commands.convert import files
from commands.convert.job import Job
from common.core import io, paths

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from common import vlm


def write(job: Job) -> str:
    """Write the file from models/subjects/<id>.

    Raises UserError if the subject is not trained, was for another base, or the file exists already.
    """
    files.refuse_existing(job.path)
    from common.vlm import SoftPrompt

    base = job.load_base()
    prompt = SoftPrompt.load(paths.subject_model(job.subject), base.fingerprint)
    rows = export(base, prompt, job.path)
    return f"{job.path}: {len(rows)} embeddings of {rows.shape[1]} numbers"


def export(base: "vlm.Base", prompt: "vlm.SoftPrompt", path: "Path") -> "torch.Tensor":
    """Write the file; return prompt_embeds, (n, D) in the model's dtype."""
    import torch

    from common.vlm.layout import SLOT

    layout, table = base.layout, base.model.get_input_embeddings().weight
    ids = layout.encode_continuation(layout.text_prefix + layout.separator, prompt.text(SLOT, SLOT))
    learned = iter(prompt.embeddings.to(table))
    rows = torch.stack([next(learned) if i == layout.slot_id else table[i] for i in ids])
    info = {
        "subject": prompt.subject,
        "base": {"model": base.name, "fingerprint": base.fingerprint},
        "before": layout.text_prefix + layout.separator,
        "after": layout.generation_prompt,
    }
    tensors = {"prompt_embeds": rows, "identifier": prompt.embeddings[:1].to(rows)}
    io.write_safetensors(path, tensors, info)
    return rows
