"""python -m tools.readme: write the parts of the README files that are made from other files.

The graph comes from dvc.yaml, results and speed from the committed files in reports/. All else in these files
is written by hand.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import photographs as photographs_runs
from common.core import errors, io, paths
from stages.report.tables import DIALOG
from tools.markdown import span
from tools.readme_costs import LADDER, METHODS, details, speed
from tools.readme_paper import paper
from tools.readme_results import NONE_YET, photographs, results


class Part(NamedTuple):
    """A generated part: the file that holds it, and what makes it."""

    path: Path
    make: Callable[[], str]


def main() -> str:
    """Rewrite the generated parts."""
    for path in (paths.INTERVALS, paths.TABLES, LADDER, METHODS, photographs_runs.JSON):
        words = ["git", "status", "--porcelain", "--", str(path)]
        if subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip():
            raise errors.UserError(
                f"{path} is not committed: commit it, so that README.md can name the commit"
            )
    made = {name: part.make() for name, part in PARTS.items()}
    for name, part in PARTS.items():
        content = part.path.read_text(encoding="utf-8")
        start, end = span(content, name, part.path)
        io.write_bytes(part.path, (content[:start] + made[name] + content[end:]).encode())
    return ", ".join(f"{name} of {part.path}" for name, part in PARTS.items())


def graph() -> str:
    """The pipeline as DVC draws it."""
    dvc = str(Path(sys.executable).with_name("dvc"))
    drawn = subprocess.run([dvc, "dag", "--collapse-foreach-matrix", "--md"], capture_output=True, text=True)
    if drawn.returncode:
        raise errors.UserError(f"`dvc dag` failed: {drawn.stderr.strip()}")
    return drawn.stdout.strip() + "\n"


def dialog() -> str:
    """What the committed report shows of a subject's answers."""
    shown = paths.TABLES.read_text(encoding="utf-8").partition(DIALOG)[2]
    if not shown:
        return NONE_YET
    subject, _, turns = shown.partition("\n")
    said = (
        f"A drawn subject, `{subject.strip()}`, in the middle of the ranking; as generated, right or wrong:"
    )
    return f"{said}\n{turns}"


PARTS = {
    "dialog": Part(Path("README.md"), dialog),
    "results": Part(Path("README.md"), results),
    "photographs": Part(Path("README.md"), photographs),
    "details": Part(paths.REPORTS / "README.md", details),
    "paper": Part(paths.REPORTS / "README.md", paper),
    "speed": Part(paths.REPORTS / "README.md", speed),
    "graph": Part(Path("stages/README.md"), graph),
}


if __name__ == "__main__":
    errors.run(main)
