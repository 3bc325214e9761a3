"""The workflow runs pinned actions, and gives the token that may write to a job without foreign code."""

import re

import pytest
from ruamel.yaml import YAML

from tests.support.helpers import ROOT

JOBS = YAML(typ="safe").load(ROOT / ".github/workflows/ci.yml")["jobs"]


@pytest.mark.parametrize("job", JOBS)
def test_actions_are_pinned_by_commit(job: str):
    used = [step["uses"] for step in JOBS[job]["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used)


def test_a_job_that_may_write_checks_nothing_out_and_pastes_nothing_into_its_script():
    writing = [job for job in JOBS.values() if "write" in job.get("permissions", {}).values()]
    assert len(writing) == 1
    for step in writing[0]["steps"]:
        assert "uses" not in step and "${{" not in step["run"]


@pytest.mark.parametrize(("lock", "tool"), [("setup.lock", "uv"), (".ci/audit.lock", "pip-audit")])
def test_tools_are_pinned_by_hash(lock: str, tool: str):
    text = (ROOT / lock).read_text()
    pin = r"([\w-]+)(?:\[[\w,]+\])?==[\w.]+( ; [^\\\n]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(f"({pin})+", text)
    assert tool in [match[1] for match in re.finditer(pin, text)]


def test_known_weaknesses_of_the_locked_packages_are_looked_up():
    assert "make audit" in [step.get("run") for step in JOBS["audit"]["steps"]]
