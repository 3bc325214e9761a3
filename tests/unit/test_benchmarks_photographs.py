from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks import photographs, photographs_run
from benchmarks.photographs_subjects import PETS, QUESTIONS, classes, write_questions
from benchmarks.photographs_table import table
from common.core import io, params
from common.core.errors import UserError
from common.testdata.ground_truth import load_questions
from tests.support.helpers import REAL_PHOTOS, set_params


def estimate(value: float | None) -> dict:
    return {"value": value, "low": value and value - 0.1, "high": value and value + 0.1}


def test_the_table_shows_what_was_measured_of_each_method_and_nothing_else():
    run = {
        "commit": "abc",
        "base": "0123456789",
        "metrics": {},
        "estimates": {
            "recognition.weighted": {"soft_prompt": estimate(0.5), "base": estimate(0.6)},
            "recognition.auc": {"soft_prompt": estimate(0.7), "untrained_prompt": estimate(0.4)},
            "recognition.lookalikes.auc": {"soft_prompt": estimate(None)},
            "questions.visual": {"soft_prompt": estimate(0.9)},
        },
        "negatives": {"cat": {"hard": {"found": 3}, "easy": {"found": 4}}},
    }
    other = (
        run
        | {"commit": "abf"}
        | {"estimates": run["estimates"] | {"recognition.auc": {"soft_prompt": estimate(0.8)}}}
    )
    found = {
        "photos": {"7": {"cat": {"train": 3, "test": 2}}, "8": {}},
        "runs": {"drawings": {"7": run, "8": other}},
    }
    lines = table(found, {"drawings": ["7", "8"]}).splitlines()
    assert "3 photos to learn from and 2 to test" in lines[2]
    assert "## drawings, seeds 7, 8" in lines
    assert (
        "3 hard and 4 easy negatives for all subjects together. Commit `abc`, `abf`; base `0123456`." in lines
    )
    assert lines[-5:] == [
        "| method | recognition.weighted | recognition.auc |",
        "|---|---:|---:|",
        "| soft prompt | 0.500 (0.400 to 0.600) | 0.750 (0.650 to 0.850) |",
        "| base | 0.600 (0.500 to 0.700) | n/a |",
        "| untrained prompt | n/a | n/a |",
    ]


def test_what_was_not_run_yet_is_said():
    run = {"commit": "abc", "base": "0123456789", "metrics": {}, "estimates": {}, "negatives": {}}
    found = {"photos": {"7": {}}, "runs": {"drawings": {"7": run}}}
    assert "## Not run yet" not in table(found, {"drawings": ["7"]})
    lines = table(found, {"drawings": ["7", "8"], "LoRA": ["7"]}).splitlines()
    assert lines[-3:] == ["", "- drawings, seed 8", "- LoRA, seed 7"]


def test_what_is_computed_is_taken_while_photos_and_definition_of_the_run_are_the_same(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(photographs, "run_command", lambda *words: f"{words[-1]}\n")  # no repository here
    counts = {"0": {"cat": {"train": 3, "test": 2}}}
    assert photographs._computed(counts) == {"photos": counts, "runs": {}}
    of = {**photographs.RUNS[photographs.USUAL].definition(), "commit": "abc"}
    assert of["base"] == "HEAD:models/photographs/llava"
    runs = {photographs.USUAL: {"0": of, "1": of, "2": of | {"base": "older"}}, photographs.LORA: {"0": of}}
    io.write_json(photographs.JSON, {"photos": counts, "runs": runs})
    assert photographs._computed(counts) == {
        "photos": counts,
        "runs": {photographs.USUAL: {"0": of, "1": of}},
    }
    others = {"0": {"dog": {"train": 3, "test": 2}}}
    assert photographs._computed(others) == {"photos": others, "runs": {}}


def test_told_what_each_subject_is_its_class_is_its_noun(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photographs, "run_command", lambda *words: f"{words[-1]}\n")  # no repository here
    told, usual = (photographs.RUNS[title] for title in (photographs.NOUNS, photographs.USUAL))
    set_params({"subjects.duck-toy": {"kind": "object"}})
    set_params({f"-subjects.{name}": None for name in params.load().subjects if name != "duck-toy"})
    key = "subjects.duck-toy.noun"
    set_params({key: told.changes_with({"duck_toy": "toy"})[key]})
    assert params.load().subjects["duck-toy"].noun == "toy"
    assert usual.changes_with({"duck_toy": "toy"}) == usual.changes
    assert told.definition()["nouns"] and "nouns" not in usual.definition()


def test_a_base_that_git_does_not_hold_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photographs_run, "SMOLLM2", tmp_path / "llava")
    with pytest.raises(UserError, match=r"llava is missing: make it first, `make smollm2`"):
        photographs_run.require_smollm2()
    (tmp_path / "llava").mkdir()
    photographs_run.require_smollm2()


def test_runs_go_on_at_once_as_cores_and_memory_allow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(photographs_run.psutil, "cpu_count", lambda: 8)
    for memory, runs in ((1, 1), (9_000_000_000, 2), (10**12, 8)):
        monkeypatch.setattr(photographs_run, "host_available", lambda memory=memory: memory)
        assert photographs_run.runs_at_once() == runs


def test_questions_are_asked_in_both_orders_and_are_what_evaluate_reads(workspace: Path):
    for subject in YAML(typ="safe").load(QUESTIONS.read_text(encoding="utf-8")):
        write_questions(subject)
        text = load_questions(subject, "own").text
        assert len(text) == 8 and [one.answer for one in text] == [0, 1] * 4
        for first, second in zip(text[::2], text[1::2], strict=True):
            assert first.question == second.question and first.options == second.options[::-1]
            assert f"<{subject}>" in first.question


@pytest.mark.skipif(not REAL_PHOTOS.is_dir(), reason="needs the real photos beside the repository")
def test_classes_say_who_is_alike():
    found = classes(REAL_PHOTOS)
    assert len(found) == 12
    assert {name for name, of in found.items() if of in PETS} == {"cat", "cat2", "dog", "dog2", "dog3"}


def test_a_folder_without_classes(tmp_path: Path):
    with pytest.raises(UserError, match="names each subject's class"):
        classes(tmp_path)
