"""dvc.yaml tells the truth: each stage declares exactly the code and the parameters it uses."""

import ast
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helpers import ROOT
from tests.pipeline import source

DAG: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES: dict[str, dict[str, Any]] = {name: stage.get("do", stage) for name, stage in DAG["stages"].items()}
GIT_KEEPS = (
    *("params.yaml", "data/subjects", "models/base/llava", "models/base/clip"),
    "models/photographs/clip",
    *("${index.location}", "${evaluate.general}", "${evaluate.together}"),
)

PACKAGE = {name: stage["cmd"].split()[2].removeprefix("stages.") for name, stage in STAGES.items()}
# These run whatever method params.yaml lists, so they depend on all that methods may use.
ANY_METHOD = {"fit", "compare"}
METHODS = [path.parent for path in sorted((source.STAGES / "methods").glob("*/__init__.py"))]

each_stage = pytest.mark.parametrize("stage", STAGES)
each_package = pytest.mark.parametrize("package", source.packages())


@each_stage
def test_declared_code_is_the_import_closure(stage: str):
    declared = {dep for dep in STAGES[stage]["deps"] if dep.startswith("stages/")}
    used = source.code_deps(PACKAGE[stage])
    if stage in {"evaluate", *ANY_METHOD}:  # the method itself is found by its name
        own = "soft_prompt" if stage == "evaluate" else "${item.method}"
        used |= {"stages/methods/ask.py", f"stages/methods/{own}"}
    if stage in ANY_METHOD:
        used = {dep for dep in used if not dep.startswith("stages/core")}
        used |= {"stages/core", "stages/learning", "stages/methods/material.py"}
    elif stage == "check":  # it reads the settings of all methods
        used = {dep for dep in used if not dep.startswith("stages/methods")} | {"stages/methods"}
    assert declared == used, f"missing {used - declared}, unused {declared - used}"


@pytest.mark.parametrize("folder", METHODS, ids=lambda folder: folder.name)
def test_a_method_uses_only_what_its_stages_depend_on(folder: Path):
    used = source.code_deps(f"methods/{folder.name}") - {f"stages/methods/{folder.name}"}
    for stage in ANY_METHOD if folder.name != "soft_prompt" else {"evaluate"}:
        declared = set(STAGES[stage]["deps"])
        assert all(declared & {dep, str(Path(dep).parent)} for dep in used), (stage, used - declared)


@each_stage
def test_declared_params_are_those_read(stage: str):
    if stage == "check":
        assert "params.yaml" in STAGES[stage]["deps"]  # it judges the whole file, unknown keys included
        return
    declared = {leaf for key in STAGES[stage]["params"] for leaf in source.leaves(key)}
    used = source.params_read(PACKAGE[stage])
    if "methods.${key}" in declared:  # of all sections it uses its own
        used = used - {"methods"} | {"methods.${key}"}
    elif stage == "evaluate":  # the soft prompt has none
        used -= {"methods"}
    assert declared == used, f"missing {used - declared}, unused {declared - used}"


@each_package
def test_params_are_touched_in_main_alone(package: str):
    for path in source.closure(package) - {source.STAGES / package / "__main__.py"}:
        assert source.STAGES / "core/params.py" not in source.imports(path), path


@each_stage
def test_no_stage_imports_another(stage: str):
    mine = {PACKAGE[stage]} | source.SHARED
    for path in (source.STAGES / PACKAGE[stage]).glob("**/*.py"):
        others = {found.relative_to(source.STAGES).parts[0] for found in source.imports(path)} - mine
        assert others <= {"__init__.py"}, f"{path} imports {others}"


@each_package
def test_main_is_short_and_says_what_it_does(package: str):
    text = (source.STAGES / package / "__main__.py").read_text()
    assert len(text.splitlines()) <= 40
    assert f"python -m stages.{package}" in ast.get_docstring(ast.parse(text))  # which --help shows


def test_packages_left_out_of_the_closure_can_change_no_result():
    assert len(ast.parse((ROOT / "stages/core/__init__.py").read_text()).body) == 1  # a docstring
    assert not list(
        source.imports(ROOT / "stages/__init__.py")
    )  # it only refuses a Python without the packages


@each_stage
def test_commands_name_the_stage_and_nothing_else(stage: str):
    word = " ${key}" if "foreach" in DAG["stages"][stage] else ""
    package = "evaluate" if stage == "compare" else stage
    assert STAGES[stage]["cmd"] == f"python -m stages.{package}{word}"
    assert STAGES[stage]["desc"]


@each_stage
def test_a_stage_per_subject_depends_on_its_own_subject_only(stage: str):
    keys = [key for key in STAGES[stage].get("params", []) if key.startswith("subjects")]
    if DAG["stages"][stage].get("foreach") == "${subjects}":
        assert keys == ["subjects.${key}"]
    else:
        assert keys in ([], ["subjects"])


def test_every_data_dependency_is_made_by_an_earlier_stage_or_kept_in_git():
    made: set[str] = set()
    for stage in STAGES.values():
        for dep in stage["deps"]:
            inside = any(dep == out or dep.startswith(f"{out}/") for out in made)
            above = any(out.startswith(f"{dep}/") for out in made)
            assert dep.startswith("stages/") or dep in GIT_KEEPS or inside or above, dep
        made |= set(outputs(stage))


def test_only_the_report_leaves_results_to_git():
    """A plain output without cache switches DVC's run-cache off for its stage, so no other stage has one."""
    for name, stage in STAGES.items():
        assert name == "report" or (
            all(isinstance(out, str) for out in stage["outs"]) and "metrics" not in stage
        )


def test_the_truth_of_the_world_reaches_evaluate_alone():
    truth = Path("data/world/truth")
    readers = [n for n, stage in STAGES.items() if {truth, *truth.parents} & set(map(Path, stage["deps"]))]
    assert readers == ["evaluate", "compare"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
def test_outputs_that_dvc_keeps_are_ignored_by_git():
    outs = [out for stage in STAGES.values() for out in stage["outs"] if isinstance(out, str)]
    ignored = subprocess.run(["git", "check-ignore", *outs], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == outs


def outputs(stage: dict[str, Any]) -> list[str]:
    """Paths of everything a stage writes."""
    entries = stage["outs"] + stage.get("metrics", [])
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
