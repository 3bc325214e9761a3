"""The render stage through the command a user runs, on a world of a few photos."""

from pathlib import Path

import pytest
from PIL import Image

from stages.core import io, paths
from tests.helpers import run_stage, set_params

SUBJECTS = {"bo": {"noun": "dog"}, "rex": {"like": "bo", "changed": 0}}


@pytest.fixture(autouse=True)
def _tiny_world(workspace: Path):
    sizes = {"train_photos": 2, "test_photos": 3, "sibling_photos": 2, "corpus": 12, "look_alikes": 3}
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
        *(truth / name / f"{part}.json" for name in SUBJECTS for part in ("attributes", "questions")),
        *(
            truth / name / "siblings" / group / f"{i:02d}.png"
            for name in SUBJECTS
            for group in ("marking", "one", "two")
            for i in range(2)
        ),
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
    mine = {path: data for path, data in before.items() if not path.startswith(paths.CORPUS.as_posix())}
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
        "error: params.yaml: world.corpus is 5, but 2 subjects with world.look_alikes 3 need 6: "
        "make the corpus larger"
    )
