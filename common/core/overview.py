"""Everything that can be run, with a line each: what `python -m commands` and `python -m stages` print.

The lines are the first of each package's `__main__`, read as text, so that nothing heavy is imported.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = {"commands": "run by hand", "stages": "run by `dvc repro`, in the order of dvc.yaml"}


def print_overview() -> None:
    """Print all commands and stages."""
    for kind, how in KINDS.items():
        print(f"{kind}, {how}:")
        for name, line in entries(ROOT / kind):
            print(f"  python -m {kind}.{name:<16} {line}")
    print("Each explains itself with --help, and logs time and memory of its phases with --verbose.")


def entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each package in a folder that can be run, and what it does."""
    for path in sorted(folder.glob("*/__main__.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        yield path.parent.name, said.partition("\n")[0]
