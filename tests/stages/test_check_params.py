"""What check finds in params.yaml, and of what it no longer lists."""

import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from common.core import paths
from tests.support.chat_server import SECTION
from tests.support.check_helpers import (
    REX,
    _rex,  # noqa: F401  (a fixture)
    accepted,
    refusal,
)
from tests.support.helpers import ROOT, read_params, run_stage, set_params


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"train.lerning_rate": 1},
            "params.yaml: train.lerning_rate is not a known key: did you mean learning_rate?",
        ),
        (
            {"subjects.My Dog": {"kind": "pet"}},
            "params.yaml: subjects.My Dog is not a valid id: use up to 40",
        ),
        ({"subjects.pad": {"kind": "pet"}}, "params.yaml: subjects.pad cannot be named so"),
        ({"subjects.zoe": {"kind": "pet", "source": "world"}}, "world.subjects has no zoe"),
        (
            {"base.vlm.model": "models/base/lava"},
            "params.yaml: base.vlm.model names the folder models/base/lava, which is",
        ),
        ({"base.clip.model": "clip"}, "params.yaml: base.clip.model names the folder clip, which is missing"),
        (
            {"base.vlm.revision": "abc"},
            "params.yaml: base.vlm.revision is for hub models, but models/base/llava is a folder",
        ),
        (
            {"base.clip.model": "openai/clip-vit-large-patch14-336"},
            "params.yaml: base.clip.revision is None: give the 40-digit commit of openai/clip",
        ),
        ({"index.location": "my/urls.parquet"}, "index.location is my/urls.parquet, which is missing"),
    ],
)
def test_mistakes_in_params_are_refused(changes: dict, sentence: str):
    set_params(changes)
    assert sentence in "\n".join(refusal())


def test_a_mistake_in_a_user_s_test_files_is_named_before_anything_is_computed():
    gqa, pairs = Path("mine/gqa"), Path("pairs")
    gqa.mkdir(parents=True)
    pairs.mkdir()
    (gqa / "q.json").write_text('{"7": {"imageId": "1", "question": "What is it?", "answer": "a cup"}}')
    (pairs / "two_subjects.json").write_text("[{}]")
    set_params({"evaluate.general": "mine", "evaluate.two_subjects": "pairs"})
    first, second = refusal()
    assert "mine/gqa/q.json, question 7" in first and "1.jpg is missing: put the image there" in first
    assert "pairs/two_subjects.json" in second


def test_a_hub_model_at_a_commit_is_taken_on_trust():
    set_params(
        {
            "base.vlm.model": "llava-hf/llava-1.5-7b-hf",
            "base.vlm.revision": "b234b804b114d9e37bb655e11cbbb5f5e971b7a9",
        }
    )
    accepted()


def test_what_removed_subjects_and_methods_left_is_named_before_the_hours_of_training():
    for left in ("models/subjects/old", "models/methods/old", "data/predictions/old"):
        Path(left).mkdir(parents=True)
    Path("reports/train").mkdir(parents=True)
    Path("reports/train/old.csv").touch()
    problems = refusal()
    assert len(problems) == 3
    assert "run `rm -r models/subjects/old reports/train/old.csv`" in problems[0]
    assert "run `rm -r models/methods/old`" in problems[1]
    assert "run `rm -r data/predictions/old`" in problems[2]


def test_an_experiment_in_a_workspace_without_the_photos_says_so(monkeypatch: pytest.MonkeyPatch):
    workspace = Path(".dvc/tmp/exps/tmp123")
    workspace.mkdir(parents=True)
    shutil.copy(paths.PARAMS, workspace)
    monkeypatch.chdir(workspace)
    (problem,) = refusal()
    assert problem.startswith(
        "an experiment in a temporary workspace (--temp, --queue) has no photos of yours"
    )


@pytest.mark.parametrize("name", ["base", "majority", "soft_prompt"])
def test_a_method_may_not_take_the_name_of_a_control(name: str):
    set_params({"methods": {name: {"method": "training_free", "title": "-", "threshold": None}}})
    (sentence,) = refusal()
    assert sentence.startswith(f"params.yaml: methods.{name} cannot be named so")


def test_settings_of_every_method_are_checked_without_loading_what_it_runs_on():
    further = YAML(typ="safe").load(ROOT / "benchmarks/further_methods.yaml")
    sections = read_params()["methods"] | further | {"server": SECTION}
    packages = {path.parent.name for path in (ROOT / "common/methods").glob("*/settings.py")}
    assert {section["method"] for section in sections.values()} == packages
    set_params({"methods": sections})
    done = run_stage("check", PYTHONVERBOSE="1")
    assert done.returncode == 0, done.stderr
    imported = set(re.findall(r"^import '([\w.]+)'", done.stderr, re.MULTILINE))
    assert imported >= {f"common.methods.{package}.settings" for package in packages}
    assert not imported & {"torch", "transformers", "peft", "common.vlm"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"a: {'[' * 100_000}", "line 1 is more than 20 levels deep"),
        (
            "a: &a [*a]",
            "line 1 is more than 20 levels deep, or is where aliases make more than 50,000 values",
        ),
        ("seed: !!python/name:os.system", "could not determine a constructor for the tag"),
        ('"\x1b[2J": 1', "is not valid YAML"),
        ('"\\e[2J": 1', "�[2J is not a known key: remove it"),
    ],
)
def test_yaml_that_attacks_moves_neither_memory_nor_the_terminal(text: str, sentence: str):
    paths.PARAMS.write_text(text)
    sentences = refusal()
    assert any(sentence in one for one in sentences) and len(sentences) <= 21
    assert all(one.isprintable() and len(one) < 250 for one in sentences)


def test_a_name_that_holds_escape_sequences_is_shown_without_them():
    (REX / "train/\x1b[2J\x1b]0;title\x07.png").write_bytes(b"no")
    (sentence,) = refusal()
    assert (
        sentence == f"{REX}/train/�[2J�]0;title�.png is not an image that can be read: use JPEG, PNG or WebP"
    )
    (REX / "train/\x1b[2J\x1b]0;title\x07.png").unlink()
    (REX / "truth").mkdir()
    (REX / "truth/\x1b[2J").touch()
    assert f"warning: {REX}/truth/�[2J is not used" in accepted()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"retrieve.hard": 0, "retrieve.easy": 0}, "retrieve.hard and retrieve.easy are both 0"),
        ({"train.data.hard": False, "train.data.easy": False}, "train.data uses none of the negatives"),
        ({"train.data.hard": False, "retrieve.easy": 0}, "train.data uses none of the negatives"),
    ],
)
def test_nobody_learns_without_negatives(changes: dict, sentence: str):
    set_params(changes)
    assert sentence in refusal()[0]
