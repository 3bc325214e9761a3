"""`python -m commands.add … --photographs`: params.yaml turns to real photos, and every other byte stays."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from common.core import params, paths
from tests.support.add_helpers import PHOTOS, draw
from tests.support.helpers import ROOT, run_here


@pytest.fixture(autouse=True)
def _photos(workspace: Path):
    paths.PARAMS.write_bytes((ROOT / "params.yaml").read_bytes())
    for number in range(8):
        draw(PHOTOS / f"{number}.png", number)


def test_the_base_for_photographs_learns_own_subjects_alone(workspace: Path):
    before = paths.PARAMS.read_text(encoding="utf-8").splitlines()
    others = workspace / 'other "things"'
    draw(others / "a.png", 20)
    done = run_here("add", "my-dog", "photos", "--kind", "pet", "--photographs", "--others", str(others))
    assert done.returncode == 0, done.stderr
    p = params.load()
    assert (list(p.subjects), p.base.preset) == (["my-dog"], "photographs")
    assert p.base.vlm.model == "models/photographs/llava"
    assert (p.index.source, p.index.location, p.index.serve) == ("folder", others.as_posix(), None)
    assert (p.methods, p.world.corpus) == ({}, 1)
    after = paths.PARAMS.read_text(encoding="utf-8").splitlines()
    drawn = [line for line in before if "source: world}" in line]
    assert len(drawn) == 10
    start = before.index(next(line for line in before if line.startswith("methods:"))) + 1
    gone = [*drawn, *before[start : before.index("", start)]]
    assert len(after) == len(before) - len(gone) + 1
    changed = set(before) - set(after) - set(gone)
    assert {line.split(":")[0].strip() for line in changed} == {
        *("preset", "source", "location", "serve"),
        *("methods", "corpus", "corpus_lookalikes", "general_photos", "general_subjects"),
    }
    assert all("#" in line for line in set(after) - set(before) if "my-dog" not in line), "comments stay"
    assert "other methods (training_free, lora, reference_photo, myvlm)" in done.stdout


def test_without_others_negatives_are_drawn(workspace: Path):
    before = params.load()
    assert run_here("add", "my-dog", "photos", "--kind", "pet", "--photographs").returncode == 0
    assert (params.load().index.location, params.load().world.corpus) == (
        before.index.location,
        before.world.corpus,
    )


def test_a_second_subject_joins_the_first(workspace: Path):
    for name, first in (("my-dog", 0), ("my-cat", 30)):
        for number in range(8):
            draw(Path(name, f"{number}.png"), first + number)
        done = run_here("add", name, name, "--kind", "pet", "--photographs")
        assert done.returncode == 0, done.stderr
    assert list(params.load().subjects) == ["my-dog", "my-cat"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--photographs", "--others", "nowhere"],
            "--others nowhere is missing: name a folder with pictures",
        ),
        (["--others", "photos"], "--others belongs to --photographs"),
    ],
)
def test_what_cannot_be_changes_nothing(words: list[str], said: str):
    before = paths.PARAMS.read_bytes()
    done = run_here("add", "my-dog", "photos", "--kind", "pet", *words)
    assert done.returncode != 0 and said in done.stderr and "Traceback" not in done.stderr
    assert paths.PARAMS.read_bytes() == before
    assert not Path("data/subjects/my-dog").exists()


def test_negatives_may_come_from_a_list_of_addresses(workspace: Path):
    Path("captions_val2017.json").write_text("{}")
    words = ("--kind", "pet", "--photographs", "--others", "captions_val2017.json")
    assert run_here("add", "my-dog", "photos", *words).returncode == 0
    index = params.load().index
    listed = (workspace / "captions_val2017.json").as_posix()
    assert (index.source, index.location, index.serve) == ("urls", listed, None)


def test_the_changed_file_is_yaml_whatever_the_folder_is_called(tmp_path: Path):
    from commands.add.photographs import settle

    folder = tmp_path / "a: b # c\\d"
    folder.mkdir()
    text = settle(paths.PARAMS.read_text(encoding="utf-8"), folder)
    assert YAML(typ="safe").load(text)["index"]["location"] == folder.as_posix()


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_method_that_was_put_back_stays_valid_yaml(ending: str):
    from commands.add.photographs import settle

    text = paths.PARAMS.read_text(encoding="utf-8").replace("\n", ending)
    once = settle(text, None)
    assert once.replace(ending, "").count("\n") == 0
    assert settle(once, None) == once
    back = once.replace("methods: {}", "methods: {free: {method: training_free, title: Free}}")
    assert settle(back, None) == once
