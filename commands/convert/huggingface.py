"""A whole model for others' tools: a Hugging Face folder in which the subject is part of the model.

    AutoProcessor.from_pretrained(folder); AutoModelForImageTextToText.from_pretrained(folder)

The tokenizer knows the identifier and the latent tokens (``<bo>``, ``<bo|1>`` … ``<bo|k>``), the tables hold
their rows, and the chat template puts the soft prompt before the first question and the base's system
sentence before everything, as `common.vlm.layout` does, unless the user wrote them. So a user only asks.
Needs no code of ours to be used.

The added tokens take the ids after the tokenizer's last. Rows there that only padded the tables are written
over; no answer uses them. Latent tokens without an output row of their own cannot be said: theirs is silent
(`silent_output_row`), and generation_config suppresses them besides, for those who sample.
"""

import copy
import json
from typing import TYPE_CHECKING

from commands.convert import files
from commands.convert.job import Job
from common.core import io, paths
from common.core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from transformers import ProcessorMixin

    from common import vlm

# Rewrites the messages, then leaves the rest to the base's own template. Sandboxed templates cannot append.
TEMPLATE = """\
{%- set definition = DEFINITION -%}
{%- set system = SYSTEM -%}
{%- set told = namespace(messages=[], done=false) -%}
{%- if system and messages[0]['role'] != 'system' -%}
{%- set told.messages = [{'role': 'system', 'content': [{'type': 'text', 'text': system}]}] -%}
{%- endif -%}
{%- for message in messages -%}
{%- set new = namespace(content=[]) -%}
{%- set given = message['content'] -%}
{%- for part in ([{'type': 'text', 'text': given}] if given is string else given) -%}
{%- if part['type'] == 'text' and message['role'] == 'user' and not told.done -%}
{%- set told.done = true -%}
{%- if not part['text'].startswith(definition) -%}
{%- set part = {'type': 'text', 'text': definition + ' ' + part['text']} -%}
{%- endif -%}
{%- endif -%}
{%- set new.content = new.content + [part] -%}
{%- endfor -%}
{%- set told.messages = told.messages + [{'role': message['role'], 'content': new.content}] -%}
{%- endfor -%}
{%- set messages = told.messages %}"""


def write(job: Job) -> str:
    """Write the folder from models/subjects/<id> and the base model.

    Raises UserError if the subject is not trained or for another base, the folder is there, or the base of
    few bits.
    """
    files.refuse_existing(job.path)
    from common.vlm import SoftPrompt

    base = job.load_base()
    if getattr(base.model, "is_quantized", False):
        raise UserError("a model of few bits cannot be exported: set base.vlm.bits to null in params.yaml")
    prompt = SoftPrompt.load(paths.subject_model(job.subject), base.fingerprint)
    export(base, prompt, job.system, job.path)
    return f"{job.path}: {base.name} with {job.token} and {prompt.latent_tokens} latent tokens"


def export(base: "vlm.Base", prompt: "vlm.SoftPrompt", system: str, folder: "Path") -> None:
    """Write the folder; the base's model is changed, for a copy may not fit in memory: use it no more.

    Args:
        base: model that the prompt was learned for, (V, D) tables in any float dtype.
        prompt: (k+1, D) input rows and its output rows, rounded to the model's dtype.
        system: sentence before ``USER:``, as the base was loaded with; empty for none.
        folder: appears whole or not at all.

    Raises:
        UserError: the folder cannot be written.

    """
    from safetensors import SafetensorError

    processor = _processor(base, prompt, system)
    names = _names(prompt)
    ids = processor.tokenizer.convert_tokens_to_ids(names)
    _put_rows(base, prompt, ids)
    base.model.generation_config.suppress_tokens = ids[len(prompt.output_row) :] or None
    with io.whole_folder(folder) as made:
        try:
            base.model.save_pretrained(made)
        except SafetensorError as error:  # as which safetensors reports a full disk
            raise UserError(f"cannot write {folder} ({error}): free some space and try again") from error
        processor.save_pretrained(made)


def _names(prompt: "vlm.SoftPrompt") -> list[str]:
    """The added tokens; no id contains ``|``, so those of two subjects are never the same."""
    return [prompt.token, *(f"<{prompt.subject}|{i + 1}>" for i in range(prompt.latent_tokens))]


def _processor(base: "vlm.Base", prompt: "vlm.SoftPrompt", system: str) -> "ProcessorMixin":
    """A copy of the base's with the added tokens and the template."""
    from tokenizers import AddedToken

    names = _names(prompt)
    processor = copy.deepcopy(base.processor)
    processor.tokenizer.add_tokens([AddedToken(name, normalized=False) for name in names])
    definition = prompt.text(names[0], "{}").format(*names[1:])
    literal = {"DEFINITION": definition, "SYSTEM": system}
    template = TEMPLATE
    for place, text in literal.items():
        template = template.replace(place, json.dumps(text, ensure_ascii=False))
    processor.chat_template = template + processor.chat_template
    return processor


def _put_rows(base: "vlm.Base", prompt: "vlm.SoftPrompt", ids: list[int]) -> None:
    """Grow the tables to hold `ids`, the identifier's first, and fill them in."""
    import torch

    model, config = base.model, base.model.config
    if model.get_output_embeddings().weight is model.get_input_embeddings().weight:
        # one table for both ends of the model cannot hold a token's two rows
        config.tie_word_embeddings = config.text_config.tie_word_embeddings = False
        head = model.get_output_embeddings()
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)
    output = _output_table(base, prompt)
    if base.vocab_size <= ids[-1]:
        model.resize_token_embeddings(ids[-1] + 1, mean_resizing=False)
    for table, rows in (
        (model.get_input_embeddings(), prompt.embeddings),
        (model.get_output_embeddings(), output),
    ):
        table.weight.data[ids] = rows.to(table.weight)


def _output_table(base: "vlm.Base", prompt: "vlm.SoftPrompt") -> "torch.Tensor":
    """(k+1, D) float32, on the base's device: the rows that were learned, then silent ones."""
    import torch

    silent = silent_output_row(base)
    return torch.cat(
        [
            prompt.output_row.to(silent.device),
            silent.expand(len(prompt.embeddings) - len(prompt.output_row), -1),
        ]
    )


def silent_output_row(base: "vlm.Base") -> "torch.Tensor":
    """(1, D) float32, on the base's device: a row whose logit is the mean of all the base's logits.

    A mean is never above the largest, so a greedy answer cannot contain its token; sampling draws it no more
    often than the average token. A row of zeros would win wherever all other logits are negative.
    """
    return base.model.get_output_embeddings().weight.detach().float().mean(0, keepdim=True)
