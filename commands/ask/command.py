"""The command line of ask: owns the words, not what they do."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.core import paths
from common.core.errors import UserError


def read(words: Sequence[str]) -> argparse.Namespace:
    """What is asked, of whom, and where answers go; ends the process on mistakes.

    Raises UserError if two options do not go together.
    """
    parser = argparse.ArgumentParser(prog="python -m commands.ask", description="Answer a file of questions.")
    parser.add_argument(
        "questions",
        type=Path,
        help="LLaVA's question file (.jsonl), a table of image, question and subject (.csv, .jsonl), "
        "MyVLM's inference output (.json), or a folder of photos",
    )
    parser.add_argument("answers", type=Path, help="file to write; a rerun goes on where it ended")
    parser.add_argument(
        "--subject", action="append", default=[], metavar="ID", help="who is in place; may be given again"
    )
    parser.add_argument("--method", default=paths.SOFT_PROMPT, help="what answers; base for the frozen model")
    parser.add_argument("--images", type=Path, help="folder of the photos; else that of the questions")
    parser.add_argument(
        "--question", action="append", default=[], help="asked of each photo of a folder; may be given again"
    )
    parser.add_argument("--vllm", metavar="URL", help="address of a vLLM that serves the base, up to /v1")
    parser.add_argument("--vllm-model", metavar="NAME", help="as that server calls the base")
    options = parser.parse_args(words)
    if options.questions.is_dir() != bool(options.question):
        raise UserError(
            f"{options.questions} is a folder of photos: say with --question what is asked of each"
            if options.questions.is_dir()
            else "--question is asked of a folder of photos: name one, or leave it out"
        )
    if bool(options.vllm) != bool(options.vllm_model):
        raise UserError("--vllm and --vllm-model go together: give both")
    if options.vllm and options.method != paths.SOFT_PROMPT:
        raise UserError("--vllm asks with soft prompts alone: leave --method out")
    return options
