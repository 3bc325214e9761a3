"""`make audit` passes only what was looked up: beside a service that is away, or knows none of the packages.

pip-audit stands in here with what it said of a reachable, an unreachable and an empty service: what it asks
lies beyond this machine.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.helpers import ROOT

AWAY = "mend the network and run make audit again\n"
SAID = {  # what pip-audit says and its exit code → make's exit code, and what the user sees
    "sound": ("No known vulnerabilities found", 0, 0, "No known vulnerabilities found\n"),
    "weak": (
        "Found 2 known vulnerabilities in 1 package",
        1,
        2,
        "Found 2 known vulnerabilities in 1 package\n",
    ),
    "empty": ("ERROR:pip_audit._cli:torch: Dependency not found and could not be audited", 1, 2, AWAY),
    "away": ("Traceback (most recent call last):\n  requests.exceptions.ProxyError: Max retries", 1, 2, AWAY),
}


def script(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


@pytest.mark.parametrize("name", SAID)
def test_what_could_not_be_looked_up_is_no_success(name: str, tmp_path: Path):
    for copied in ("Makefile", "requirements.lock", "setup.lock", ".dvc/plots.html"):
        (tmp_path / copied).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / copied, tmp_path / copied)
    told, code, ends, shown = SAID[name]
    script(tmp_path / ".venv/bin/uv", "exit 0")
    script(tmp_path / ".venv/audit/bin/pip-audit", f"echo '{told}' >&2", 'echo "$@" > asked', f"exit {code}")
    for made in (".venv/installed.lock", ".venv/plots.html"):
        (tmp_path / made).touch()
    done = subprocess.run(["make", "audit"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == ends and shown in done.stdout + done.stderr, done
    assert "Traceback" not in done.stdout + done.stderr
    assert "--strict" in (tmp_path / "asked").read_text()
