"""python -m tools.before_after [BEFORE [AFTER]]: count the files of two commits, and write the table of both.

It stands in benchmarks/before_after.md, with what no file can tell: times, and where metrics agree.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common.core import errors, io
from tools.imports import circles
from tools.markdown import span, table
from tools.private_names import private_names

FILE = Path("benchmarks/before_after.md")
BEFORE = "04c2b0a"  # the last commit before names, rooms and README were put in order
LONG = 220  # lines of a file
ROOMS = ("stages", "common", "commands", "benchmarks", "tools")
# what pyproject.toml names for ty, and where the same code lay in BEFORE
TYPED = (
    *("common/core", "common/vlm", "common/training", "stages/core", "stages/vlm", "stages/learning"),
    *("common/methods/__init__.py", "common/methods/interface.py", "stages/evaluate"),
    *("stages/methods/__init__.py", "stages/methods/interface.py"),
)


def main(before: str = BEFORE, after: str = "HEAD") -> str:
    """Count both commits and write the table."""
    content = FILE.read_text(encoding="utf-8")
    start, end = span(content, "counts", FILE)
    commits = [short(before), short(after)]
    counts = [count(commit) for commit in commits]
    rows = [[title, *(f"{each[title]:,}" for each in counts)] for title in COUNTS]
    made = table(["", *(f"`{commit}`" for commit in commits)], rows)
    io.write_bytes(FILE, (content[:start] + made + content[end:]).encode())
    return f"{FILE}, of {' and '.join(commits)}"


def short(commit: str) -> str:
    """Seven digits of a commit; raises UserError for one that this clone does not have."""
    done = subprocess.run(
        ["git", "rev-parse", "--short=7", "--verify", f"{commit}^{{commit}}"], capture_output=True, text=True
    )
    if done.returncode:
        raise errors.UserError(
            f"{commit} is no commit of this clone: name another, or `git fetch --unshallow`"
        )
    return done.stdout.strip()


def count(commit: str) -> dict[str, int]:
    """All counts of a commit, by what they count."""
    with tempfile.TemporaryDirectory() as folder:
        files = subprocess.run(["git", "archive", commit], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", folder], input=files.stdout, check=True)
        return {title: counted(Path(folder)) for title, counted in COUNTS.items()}


def lines(path: Path) -> int:
    """How many lines a text has."""
    return len(path.read_text(encoding="utf-8").splitlines())


def long_files(root: Path) -> list[Path]:
    """Python files of more than `LONG` lines."""
    return [path for path in sorted(root.glob("**/*.py")) if lines(path) > LONG]


def import_circles(root: Path) -> list[list[str]]:
    """Groups of modules that import each other, be it for types alone."""
    return circles(root, [room for room in ROOMS if (root / room).is_dir()], for_types=True)


def type_errors(root: Path) -> list[str]:
    """What ty finds in the code that carries the design, by the rules of the repository that this runs in."""
    (root / "pyproject.toml").write_bytes(Path("pyproject.toml").read_bytes())
    ty = Path(sys.executable).with_name("ty")
    checked = json.dumps([name for name in TYPED if (root / name).exists()])
    words = [
        ty,
        "check",
        "--python",
        sys.prefix,
        "--output-format",
        "concise",
        "-c",
        f"src.include={checked}",
    ]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    if done.returncode not in (0, 1):  # 1: it has found something
        raise errors.UserError(f"`ty check` failed: {done.stderr.strip()}")
    return [line for line in done.stdout.splitlines() if ": error[" in line]


def tests(root: Path) -> list[str]:
    """Functions that are tests."""
    texts = (path.read_text(encoding="utf-8") for path in (root / "tests").glob("**/test_*.py"))
    return [name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)]


COUNTS: dict[str, Callable[[Path], int]] = {
    "lines of dvc.yaml": lambda root: lines(root / "dvc.yaml"),
    "lines of README.md": lambda root: lines(root / "README.md"),
    "uses of private names": lambda root: len(list(private_names(root))),
    "circles of imports, those for types included": lambda root: len(import_circles(root)),
    "modules in them": lambda root: sum(map(len, import_circles(root))),
    f"Python files over {LONG} lines": lambda root: len(long_files(root)),
    "of so many": lambda root: len(list(root.glob("**/*.py"))),
    "type errors, by today's rules": lambda root: len(type_errors(root)),
    "functions that are tests": lambda root: len(tests(root)),
}


if __name__ == "__main__":
    errors.run(main)
