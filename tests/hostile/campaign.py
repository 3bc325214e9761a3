"""Hostile inputs by kind, made by hypothesis: what must hold of each, and a count of what did.

A kind is a function from drawn data to nothing. It must end well or with the one error that its reader
documents; any other exception, or a broken promise about the result, is a failure. Owns the count and the
list of the kinds, which need no model; what a stage as a whole does is tested in tests/stages.
"""

import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.hostile import drawn, imports, lists, params_files, peers, picture, pictures, tensors, texts

BATCH = 50  # inputs


@dataclass
class Count:
    """How a kind did; `examples` are failures with their inputs."""

    tried: int = 0
    failed: int = 0
    examples: list[str] = field(default_factory=list)

    def attempt(self, prove: Callable[[], None], what: str) -> None:
        """Count what holds or does not; `what` is shown of a failure."""
        self.tried += 1
        try:
            prove()
        except Exception:
            self.failed += 1
            self.examples.append(f"{traceback.format_exc(limit=-2)}\n{what}"[:4000])


KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "Parquet lists": (lists.tables(), lists.parquet_lists),
    "params.yaml": (params_files.texts(), params_files.params_files),
    "texts beside photos": (texts.told(), texts.told_texts),
    "files of questions": (texts.asked(), texts.asked_files),
    "images": (pictures.pictures(), pictures.decoded),
    "JSON imports": (imports.imports, imports.json_imports),
    ".pt files": (tensors.tensors(), tensors.token_files),
    "addresses": (drawn.URLS, peers.addresses),
    "addresses of this machine": (st.integers(0, 2**32 - 1), peers.numbers_of_this_machine),
    "endpoint replies": (peers.completions, peers.endpoint_replies),
    "service replies": (peers.found_rows, peers.service_replies),
    "HTTP responses": (peers.responses(), peers.http_responses),
    "JSON bounds": (st.binary(max_size=100) | peers.DEEP | drawn.written(drawn.JSON), peers.json_bounds),
}


def run(kind: str, examples: int, batch: int = 0, count: Count | None = None) -> Count:
    """Try a kind on so many inputs, the same ones for a batch, in the current folder, which is written to."""
    strategy, prove = KINDS[kind]
    count = count or Count()

    @seed(batch)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(value: Any) -> None:
        count.attempt(lambda: prove(value), repr(value))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each()
    return count


def run_for(kind: str, seconds: float) -> Count:
    """Try a kind on one batch after another until the time is over."""
    count, end, batch = Count(), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        run(kind, BATCH, batch, count)
        batch += 1
    return count


@contextmanager
def prepared(folder: Path) -> Iterator[None]:
    """Go to a folder with what the kinds need: photos, and a file that must not change."""
    before = Path.cwd()
    (folder / "photos").mkdir(parents=True)
    (folder / "photos/00.png").write_bytes(picture(1))
    (folder / "in/images").mkdir(parents=True)
    (folder / "in/images/00.png").write_bytes(picture(2))
    (folder / "in/00.png").write_bytes(picture(3))
    (folder / "secret.txt").write_text("secret")
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
