"""The whole campaign: `python -m tests.hostile [MINUTES]`, or `make hostile`.

Takes so many minutes (10 if not said) beside the making of a tiny pipeline: a third each for drawn inputs,
for kills, and for what else is done to running stages. Prints and keeps a table, and ends with 1 if anything
failed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile import campaign, endurance, pipeline

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Hostile inputs and bad moments

Made by `make hostile` ({minutes:g} minutes, in which a faster machine tries more; `tests/hostile/campaign.py`
and `tests/hostile/endurance.py`). Good is an input that ends as its reader promises, with a result or with
its one documented error, and a stage that was stopped, refused or disturbed, left nothing torn, and run again
made the same bytes. All pairs of a signal and a stage are tried before any comes again.

| what | tried | good | failed |
| --- | ---: | ---: | ---: |
"""


def main(minutes: float) -> bool:
    """Run everything; return whether anything failed."""
    lines, failed = [], False
    with TemporaryDirectory() as folder:
        for what, count in results(Path(folder), 60 * minutes):
            lines.append(f"| {what} | {count.tried} | {count.tried - count.failed} | {count.failed} |")
            print(lines[-1], *count.examples[:2], sep="\n", flush=True)
            failed = failed or count.failed > 0
    RESULTS.write_text(HEAD.format(minutes=minutes) + "\n".join(lines) + "\n")
    return failed


def results(folder: Path, seconds: float) -> Iterator[tuple[str, campaign.Count]]:
    """What was tried, one after another."""
    with campaign.prepared(folder / "work"):
        for kind in campaign.KINDS:
            yield kind, campaign.run_for(kind, seconds / 3 / len(campaign.KINDS))
    yield from endurance.run_for(pipeline.made(folder / "pipeline"), seconds * 2 / 3)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if sys.argv[1:] else 10))
