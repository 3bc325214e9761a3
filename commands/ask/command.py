"""The command line of ask: owns the words, not what they do."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from common.core import paths
from common.core.errors import UserError

if TYPE_CHECKING:
    from common import vlm


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
    parser.add_argument(
        "--temperature", type=_temperature, help="0 for the likeliest words; else chat.temperature counts"
    )
    parser.add_argument("--top-p", type=_share, help="in place of chat.top_p")
    parser.add_argument(
        "--max-new-tokens", type=_count, metavar="N", help="of an answer, in place of chat.max_new_tokens"
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


def decoding(options: argparse.Namespace, chat: "vlm.Decoding") -> "vlm.Decoding":
    """How answers are decoded: as params.yaml says under `chat`, but for what the options say."""
    said = {name: getattr(options, name) for name in ("temperature", "top_p", "max_new_tokens")}
    return replace(chat, **{name: value for name, value in said.items() if value is not None})


def _temperature(word: str) -> float:
    return _number(word, 0 <= float(word) <= 100, "from 0 to 100")


def _share(word: str) -> float:
    return _number(word, 0 < float(word) <= 1, "above 0 and up to 1")


def _number(word: str, good: bool, bounds: str) -> float:
    if not good:
        raise argparse.ArgumentTypeError(f"{word} is not {bounds}")
    return float(word)


def _count(word: str) -> int:
    if int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word} is not from 1 on")
    return int(word)
