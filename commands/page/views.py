"""HTML of what changes on the page: owns the templates' arguments, all of them escaped by Jinja."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from commands.page.entries import Entry, Exchange
from commands.page.gallery import SubjectCard
from commands.page.training import Progress

HERE = Path(__file__).parent / "html"


def gallery(cards: Sequence[SubjectCard], chosen: Sequence[str], problem: str) -> str:
    """The subjects as buttons."""
    return _render("gallery", cards=cards, chosen=chosen, problem=problem)


def transcript(entries: Sequence[Entry], *, alone: bool) -> str:
    """What was said so far; `alone`: where nothing was, that each question will be answered by itself."""
    return _render("transcript", entries=entries, growing=None, alone=alone)


def growing(exchange: Exchange) -> str:
    """An answer that is not whole yet."""
    return _render("transcript", entries=[], growing=exchange, alone=False)


def looking() -> str:
    """While a photo is being looked at."""
    return _render("sentence", text="Looking at the photo …", problem=False)


def sentence(text: str, problem: bool = False) -> str:
    """One sentence; nothing for an empty one."""
    return _render("sentence", text=text, problem=problem) if text else ""


def sentences(text: str, more: Sequence[str]) -> str:
    """A sentence and a list below it."""
    return _render("sentences", text=text, more=more)


def base(drawings: bool) -> str:
    """What the base model is for, where that is no photographs."""
    return _render("base") if drawings else ""


def progress(progress: Progress | None) -> str:
    """How far a training is, or how it ended."""
    return _render("progress", progress=progress) if progress else ""


def confirm(subject: str, files: Sequence[Path]) -> str:
    """What will be deleted, and what remains."""
    return _render("confirm", subject=subject, files=[path.as_posix() for path in files])


def _render(name: str, **values: object) -> str:
    return _environment().get_template(f"{name}.html.jinja").render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
