"""The render stage through the command a user runs, on a world of a few photos."""

import base64
import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from common.core import io, paths
from common.world.attributes import NAMEABLE, SCENE
from stages.render.__main__ import main
from tests.support.helpers import run_stage, set_params

SETTINGS = ("random", "popular", "adversarial")
SUBJECTS = {"bo": {"noun": "dog"}, "rex": {"like": "bo", "changed": 0}}


@pytest.fixture(autouse=True)
def _tiny_world(workspace: Path):
    sizes = {"train_photos": 2, "test_photos": 3, "lookalike_photos": 2, "corpus": 12, "corpus_lookalikes": 3}
    sizes |= {"two_subject_photos": 2, "general_photos": 7}
    set_params({f"world.{key}": value for key, value in sizes.items()} | {"world.subjects": SUBJECTS})


def rendered() -> dict[str, bytes]:
    """Everything that render writes, by path."""
    done = run_stage("render")
    assert done.returncode == 0, done.stderr
    return {path.as_posix(): path.read_bytes() for path in sorted(paths.WORLD.rglob("*")) if path.is_file()}


def refusal() -> str:
    """The sentence with which render refuses; nothing is left behind."""
    done = run_stage("render")
    assert done.returncode == 1
    assert not any(paths.WORLD.rglob("*"))
    return done.stderr.strip()


def test_layout_and_counts():
    files = rendered()
    photos, truth = Path("data/world/subjects"), Path("data/world/truth")
    wanted = {
        *(photos / name / "train" / f"{i:02d}.png" for name in SUBJECTS for i in range(2)),
        *(photos / name / "test" / f"{i:02d}.png" for name in SUBJECTS for i in range(3)),
        *(photos / name / "description.txt" for name in SUBJECTS),
        *(truth / name / f"{part}.json" for name in SUBJECTS for part in ("attributes", "questions")),
        *(
            truth / name / "lookalikes" / group / f"{i:02d}.png"
            for name in SUBJECTS
            for group in ("marking", "one", "two")
            for i in range(2)
        ),
        *(paths.WORLD_TWO_SUBJECTS / name for name in ("000.png", "001.png", "two_subjects.json")),
        *(paths.WORLD_GENERAL / "images" / f"{i:03d}.png" for i in range(7)),
        *(paths.WORLD_GENERAL / f"world_pope_{setting}.json" for setting in SETTINGS),
        paths.WORLD_GENERAL / "world_mmbench.tsv",
        *(paths.CORPUS_IMAGES / f"{i:06d}.png" for i in range(12)),
        paths.CORPUS_URLS,
    }
    assert files.keys() == {path.as_posix() for path in wanted}
    images = [data for path, data in files.items() if path.endswith(".png")]
    assert len(set(images)) == len(images), "two photos are the same"
    with Image.open(paths.CORPUS_IMAGES / "000000.png") as image:
        assert (image.size, image.mode) == ((48, 48), "RGB")


def test_the_url_list_names_every_image_of_the_corpus():
    rendered()
    rows = io.read_parquet(paths.CORPUS_URLS).to_pylist()
    assert [row["url"] for row in rows] == [f"http://corpus.example/{i:06d}.png" for i in range(12)]
    assert all(row["caption"].startswith("A") and row["caption"].endswith(".") for row in rows)


def test_look_alikes_share_what_they_should():
    rendered()
    bo, rex = (io.read_json(Path(f"data/world/truth/{name}/attributes.json")) for name in SUBJECTS)
    changing = ("marking", "jitter")
    assert {key for key in bo if bo[key] != rex[key]} == set(changing)
    assert (bo["noun"], bo["kind"]) == ("dog", "pet")


def test_questions_are_about_photos_that_exist_and_name_the_subject():
    rendered()
    for name in SUBJECTS:
        questions = io.read_json(Path(f"data/world/truth/{name}/questions.json"))
        assert {row["image"] for row in questions["visual"]} == {"00.png", "01.png", "02.png"}
        assert len(questions["text"]) == 10
        for row in questions["visual"] + questions["text"]:
            assert f"<{name}>" in row["question"]
            assert len(set(row["options"])) == 2
            assert row["answer"] in (0, 1)


def test_two_subjects_stand_in_both_orders_and_who_is_not_there_is_named():
    set_params({"world.subjects": SUBJECTS | {"mam": {"noun": "cat"}}, "world.two_subject_photos": 4})
    rendered()
    rows = io.read_json(paths.WORLD_TWO_SUBJECTS / "two_subjects.json")
    assert [(row["left"], row["right"]) for row in rows] == [
        *(("bo", "rex"), ("rex", "mam"), ("mam", "bo")),
        *(("bo", "mam"), ("rex", "bo"), ("mam", "rex")),
    ]
    assert [row["absent"] for row in rows] == [["mam"], ["bo"], ["rex"], ["rex"], ["mam"], ["bo"]]


def test_general_questions_ask_about_as_many_things_that_are_there_as_are_not():
    rendered()
    found = {}
    for setting in SETTINGS:
        lines = (paths.WORLD_GENERAL / f"world_pope_{setting}.json").read_text().splitlines()
        rows = found[setting] = [json.loads(line) for line in lines]
        assert [row["question_id"] for row in rows] == list(range(1, len(rows) + 1))
        assert {row["image"] for row in rows} == {f"{i:03d}.png" for i in range(7)}
        assert all(row["text"].startswith("Is there a ") for row in rows)
        labels = Counter((row["image"], row["label"]) for row in rows)
        assert all(labels[image, "yes"] == labels[image, "no"] for image, _ in labels)
        assert len({(row["image"], row["text"]) for row in rows}) == len(rows)
    there = [[(r["image"], r["text"]) for r in rows if r["label"] == "yes"] for rows in found.values()]
    assert there[0] == there[1] == there[2]
    # Of what is not there, the popular setting asks about few things again and again.
    popular, random = (
        len({row["text"] for row in found[setting] if row["label"] == "no"}) for setting in SETTINGS[1::-1]
    )
    assert popular < random


def test_the_choices_are_a_table_with_the_image_in_every_row():
    rendered()
    with (paths.WORLD_GENERAL / "world_mmbench.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 21 and {row["answer"] for row in rows} == {"A", "B"}
    assert {row["category"] for row in rows} == {*NAMEABLE, *SCENE}
    images = [(paths.WORLD_GENERAL / "images" / f"{i:03d}.png").read_bytes() for i in range(7)]
    assert [base64.b64decode(row["image"]) for row in rows] == [image for image in images for _ in range(3)]
    assert all(row["A"] != row["B"] and not row["C"] and not row["D"] for row in rows)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    first = rendered()
    assert rendered() == first
    set_params({"seed": 1})
    second = rendered()
    assert second.keys() == first.keys()
    assert not any(second[path] == data for path, data in first.items() if path.endswith(".png"))


def test_a_new_subject_changes_no_file_of_the_others():
    before = rendered()
    set_params({"world.subjects": {"mam": {"noun": "cat"}} | SUBJECTS})
    after = rendered()
    shared = (paths.CORPUS.as_posix(), paths.WORLD_TWO_SUBJECTS.as_posix())
    mine = {path: data for path, data in before.items() if not path.startswith(shared)}
    assert {path: after[path] for path in mine} == mine
    assert len(list(Path("data/world/subjects/mam/train").iterdir())) == 2


def test_a_removed_subject_leaves_nothing():
    rendered()
    set_params({"world.subjects": {"bo": SUBJECTS["bo"]}})
    assert not [path for path in rendered() if "rex" in path]


def test_an_unknown_noun_is_refused_with_the_choices():
    set_params({"world.subjects.bo.noun": "horse"})
    assert refusal().startswith(
        "error: params.yaml: world.subjects.bo.noun is 'horse': use one of man, woman, "
    )


@pytest.mark.parametrize("like", ["tom", "rex"], ids=["absent", "itself"])
def test_a_look_alike_of_nobody_is_refused(like: str):
    set_params({"world.subjects.rex.like": like})
    wanted = f"error: params.yaml: world.subjects.rex.like is '{like}': name a subject that has a noun"
    assert refusal() == wanted


def test_a_corpus_too_small_for_the_look_alikes_is_refused():
    set_params({"world.corpus": 5})
    assert refusal() == (
        "error: params.yaml: world.corpus is 5, but 2 subjects with world.corpus_lookalikes 3 need 6: "
        "make the corpus larger"
    )


def test_all_of_the_world_appears_at_once(monkeypatch: pytest.MonkeyPatch):
    moved = []
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda path, target: moved.append(target) or rename(path, target))
    main()
    assert moved == [paths.WORLD]
    assert not list(paths.DATA.glob(".*"))
