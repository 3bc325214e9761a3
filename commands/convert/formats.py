"""The list of formats: what each is, in one line, and who writes and reads it. Knows no format itself."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from commands.convert import concepts, huggingface, jsonl, llava, myvlm, tokens, vllm, yollava
from commands.convert.job import Job


@dataclass(frozen=True)
class Format:
    """One foreign format.

    Attributes:
        about: one line for ``--help``.
        path: what the path on the command line is.
        write: writes the job's path and returns what it made, as words.
        read: reads the job's path into the pipeline's files; None where there is no way back.

    """

    about: str
    path: str
    write: Callable[[Job], str]
    read: Callable[[Job], str] | None = None


FORMATS = {
    "tokens": Format(
        "Yo'LLaVA's learned rows, <epoch>-token.pt with <epoch>-lmhead.pt <-> models/subjects/<id>",
        "the token file, such as checkpoints/bo/best-token.pt; its head file lies beside it",
        tokens.write,
        tokens.read,
    ),
    "yollava": Format(
        "Yo'LLaVA's training JSONs as its train.py names them, with images <-> data/dataset/<id>.parquet",
        "the folder that train.py is run in; files are in training-data/<id>",
        partial(yollava.write, yollava.LOADER),
        partial(yollava.read, yollava.LOADER),
    ),
    "yollava-example": Format(
        "the same JSONs named as in its example_training_data <-> data/dataset/<id>.parquet",
        "the folder that holds example_training_data/<id>",
        partial(yollava.write, yollava.EXAMPLE),
        partial(yollava.read, yollava.EXAMPLE),
    ),
    "llava": Format(
        "LLaVA's conversation JSON, with images: the dataset written; talk read into data/conversations",
        "the JSON file; written images lie in a folder of its name beside it",
        llava.write,
        llava.read,
    ),
    "jsonl": Format(
        "LLaVA's question.jsonl and answer.jsonl (six fields) <-> data/conversations/<id>.parquet",
        "the folder of the two files",
        jsonl.write,
        jsonl.read,
    ),
    "myvlm": Format(
        "MyVLM's data: photos, captions.json, captions_augmented.json, VQA <-> data/conversations",
        "MyVLM's data root, written; or one concept's folder in it, read",
        myvlm.write,
        myvlm.read,
    ),
    "myvlm-head": Format(
        "MyVLM's concept head, ….pt of classifier.weight and .bias <-> models/methods/<name>/<id>",
        "the file, such as CLIP-bo-step-500.pt",
        concepts.write_head,
        concepts.read_head,
    ),
    "myvlm-embedding": Format(
        "MyVLM's concept_embeddings_….pt, {iteration: {keys, values}} <-> models/methods/<name>/<id>",
        "the file, such as concept_embeddings_llava_captioning.pt; read its head first",
        concepts.write_embeddings,
        concepts.read_embeddings,
    ),
    "huggingface": Format(
        "a whole model with the subject in it, which transformers loads without code of ours",
        "the folder to write",
        huggingface.write,
    ),
    "vllm": Format(
        "the soft prompt as prompt embeddings (safetensors), for vLLM serving the base model",
        "the file to write",
        vllm.write,
    ),
}


def parser() -> argparse.ArgumentParser:
    """One subcommand per format."""
    top = argparse.ArgumentParser(
        prog="python -m commands.convert", description="Exchange one subject, or all, with other systems."
    )
    commands = top.add_subparsers(dest="format", metavar="format", required=True)
    for name, known in FORMATS.items():
        command = commands.add_parser(name, help=known.about, description=known.about)
        command.add_argument(
            "subject", metavar="id", help="id of the subject, as in params.yaml; all, with {} in the path"
        )
        command.add_argument("path", help=known.path)
        command.set_defaults(read=False)
        if known.read:
            command.add_argument(
                "--read", action="store_true", help="read the path into the pipeline, instead of writing it"
            )
    return top


def convert(name: str, job: Job, *, read: bool) -> str:
    """Do the job in the named format; return what was made."""
    known = FORMATS[name]
    return known.read(job) if read else known.write(job)
