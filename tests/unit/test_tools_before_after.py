"""The table of two commits counts what their files hold, and names commits that are not there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from common.core import errors, io
from tests.support.helpers import ROOT
from tools import before_after

FIRST = {
    "dvc.yaml": "stages: {}\n",
    "README.md": "# A\n\nB\n",
    "stages/core/a.py": "from stages.core import b\n",
    "stages/core/b.py": "def spare() -> None: ...\n\n\ndef c() -> None:\n    from stages.core import a\n",
    "stages/core/typed.py": "def d() -> int:\n    return ''\n",
    "stages/long.py": "E = 1\n" * 221,
    "tests/test_a.py": "def test_f(): ...\n",
}
SECOND = FIRST | {
    "README.md": "# A\n",
    "stages/core/b.py": "def c() -> None: ...\n",
    "stages/core/typed.py": "def d() -> int:\n    return 1\n",
    "stages/long.py": "E = 1\n" * 220,
    "tests/test_a.py": "def test_f(): ...\n\n\ndef test_g(): ...\n",
}
FILE = """# Before and after

<!-- counts: made by `python -m tools.before_after` -->
<!-- /counts -->
"""


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two commits of a small repository, which is the current folder; today's rules lie beside them."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    made = []
    for files in (FIRST, SECOND):
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        subprocess.run(["git", "add", "-A"], check=True)
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        subprocess.run(["git", *identity, "commit", "-q", "-m", "-"], check=True)
        made.append(before_after.short("HEAD"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    io.write_bytes(before_after.FILE, FILE.encode())
    return made


def test_counts_are_those_of_each_commits_files_whatever_is_checked_out(commits: list[str]):
    before_after.main(*commits)
    lines = before_after.FILE.read_text().splitlines()
    assert lines[3] == f"|  | {' | '.join(f'`{commit}`' for commit in commits)} |"
    assert lines[5:-1] == [
        "| lines of dvc.yaml | 1 | 1 |",
        "| lines of README.md | 3 | 1 |",
        "| uses of private names | 1 | 0 |",
        "| circles of imports, those for types included | 1 | 0 |",
        "| modules in them | 2 | 0 |",
        "| Python files over 220 lines | 1 | 0 |",
        "| of so many | 5 | 5 |",
        "| type errors, by today's rules | 1 | 0 |",
        "| functions that are tests | 1 | 2 |",
    ]


@pytest.mark.usefixtures("commits")
def test_a_commit_that_a_clone_lacks_is_named_with_the_remedy():
    with pytest.raises(errors.UserError, match="0123abc is no commit of this clone"):
        before_after.main("0123abc")
