"""dvc.yaml tells the truth: each stage declares exactly the code and the parameters it uses."""

import ast
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.pipeline import source
from tests.support.helpers import ROOT

DAG: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES: dict[str, dict[str, Any]] = {name: stage.get("do", stage) for name, stage in DAG["stages"].items()}
GIT_KEEPS = (
    *("params.yaml", "prompts.yaml", "data/subjects", "models/base/llava", "models/base/clip"),
    *("models/photographs/llava", "models/photographs/clip", "models/base", "models/photographs"),
    *("models/photographs-smollm2/changes.safetensors", "reports/ablation"),
    *("${index.location}", "${evaluate.general}", "${evaluate.two_subjects}"),
)
CODE = ("stages/", "common/")

PACKAGE = {name: stage["cmd"].split()[2].replace(".", "/") for name, stage in STAGES.items()}
# These run whatever method params.yaml lists, so they depend on all that methods may use.
ANY_METHOD = {"fit_baseline", "evaluate_baseline"}
METHODS = [path.parent for path in sorted((ROOT / "common/methods").glob("*/__init__.py"))]
BASELINES = [folder for folder in METHODS if folder.name != "soft_prompt"]

each_stage = pytest.mark.parametrize("stage", STAGES)
each_package = pytest.mark.parametrize("package", [*source.packages("stages"), *source.packages("commands")])


def code_used(stage: str) -> set[str]:
    """The code that a stage's dependencies must name; the method itself is found by its name."""
    used = source.code_deps(PACKAGE[stage])
    if stage in ANY_METHOD:
        used |= {dep for folder in BASELINES for dep in method_deps(folder)}
        used |= {"common/methods/${item.method}"}
    elif stage == "evaluate":
        soft_prompt = ROOT / "common/methods/soft_prompt"
        used |= method_deps(soft_prompt) | {"common/methods/soft_prompt"}
    elif stage == "check":  # it reads the settings of all methods
        used = {dep for dep in used if not dep.startswith("common/methods")} | {"common/methods"}
    prompts = {dep for dep in used if dep.startswith("common/prompts")}
    if len(prompts) > 3:  # all but the interview's, which reach it through data/conversations anyway
        used = used - prompts | {"common/prompts"}
    return used


def method_deps(folder: Path) -> set[str]:
    """What a method uses besides its own package."""
    own = folder.relative_to(ROOT).as_posix()
    return source.code_deps(own) - {own}


@each_stage
def test_declared_code_is_the_import_closure(stage: str):
    declared = {dep for dep in STAGES[stage]["deps"] if dep.startswith(CODE)}
    used = code_used(stage)
    assert declared == used, f"missing {used - declared}, unused {declared - used}"


@each_stage
def test_who_reads_the_users_prompts_says_so(stage: str):
    declared = "prompts.yaml" in STAGES[stage]["deps"]
    assert declared == ("common/prompts/prompt_sets.py" in source.code_deps(PACKAGE[stage]))


@each_stage
def test_declared_params_are_those_read(stage: str):
    if stage == "check":
        assert "params.yaml" in STAGES[stage]["deps"]  # it judges the whole file, unknown keys included
        return
    declared = {leaf for key in STAGES[stage]["params"] for leaf in source.leaves(key)}
    used = source.params_read(PACKAGE[stage])
    if "methods.${key}" in declared:  # of all sections it uses its own
        used = used - {"methods"} | {"methods.${key}"}
    else:  # the names alone, and a preset holds settings
        used -= {source.PRESET + "methods"}
    if stage == "evaluate":  # the soft prompt has none
        used -= {"methods"}
    assert declared == used, f"missing {used - declared}, unused {declared - used}"


@each_package
def test_params_are_touched_in_main_alone(package: str):
    for path in source.closure(package) - {ROOT / package / "__main__.py"}:
        assert ROOT / "common/core/params.py" not in source.imports(path), path


@pytest.mark.parametrize("room", ["stages", "commands"])
def test_no_stage_or_command_imports_another(room: str):
    for package in source.packages(room):
        for path in (ROOT / package).glob("**/*.py"):
            found = {file.relative_to(ROOT) for file in source.imports(path)}
            others = {file for file in found if file.parts[0] != "common" and len(file.parts) > 2}
            assert all(file.is_relative_to(package) for file in others), f"{path} imports {others}"


def test_what_is_shared_imports_no_stage_and_no_command():
    for path in (ROOT / "common").glob("**/*.py"):
        for file in source.imports(path):
            assert file.is_relative_to(ROOT / "common"), f"{path} imports {file}"


@each_package
def test_main_is_short_and_says_what_it_does(package: str):
    text = (ROOT / package / "__main__.py").read_text()
    assert len(text.splitlines()) <= 40
    # which --help shows
    assert f"python -m {package.replace('/', '.')}" in ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("room", ["stages", "commands"])
def test_a_room_holds_nothing_but_what_is_run(room: str):
    """A listing of the folder shows the stages, or the commands, and nothing else."""
    folders = {f"{room}/{path.name}" for path in (ROOT / room).iterdir() if path.is_dir()}
    assert folders - {f"{room}/__pycache__"} == set(source.packages(room))
    if room == "stages":
        assert set(PACKAGE.values()) == set(source.packages(room))


@each_stage
def test_commands_name_the_stage_and_nothing_else(stage: str):
    word = " ${key}" if "foreach" in DAG["stages"][stage] else ""
    package = "evaluate" if stage == "evaluate_baseline" else stage
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
            assert dep.startswith(CODE) or dep in GIT_KEEPS or inside or above, dep
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
    assert readers == ["evaluate", "evaluate_baseline"]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
def test_outputs_that_dvc_keeps_are_ignored_by_git():
    outs = [out for stage in STAGES.values() for out in stage["outs"] if isinstance(out, str)]
    ignored = subprocess.run(["git", "check-ignore", *outs], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == outs


def outputs(stage: dict[str, Any]) -> list[str]:
    """Paths of everything a stage writes."""
    entries = stage["outs"] + stage.get("metrics", [])
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
