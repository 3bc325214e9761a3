"""`python -m commands.add myvlm FOLDER` on a small folder as published, with each defect that it may have."""

import shutil
from pathlib import Path

from common.core import facts, images, names, paths
from common.testdata import ground_truth
from tests.support.add_helpers import added, draw, pixels, refused
from tests.support.helpers import run_stage, set_params
from tests.support.myvlm_dataset import (
    CONCEPTS,
    DATA,
    REPORT,
    SUBJECTS,
    _published,  # noqa: F401  (a fixture)
    change,
    imported,
    told,
    write,
)
from tests.support.yollava_helpers import section


def test_a_sound_dataset_becomes_subjects_with_captions_that_check_accepts() -> None:
    before = paths.PARAMS.read_text()
    said = added("myvlm", "published")
    assert "2 subjects of MyVLM, 8 train and 6 test photos in " in said
    assert "Next: read data/myvlm/report.md, then run `make repro`" in said
    assert paths.PARAMS.read_text() == (
        before + "  myvlm-my-cat: {kind: pet}\n  myvlm-skulls-mug: {kind: object}\n"
    )
    assert names.spoken("myvlm-my-cat") == "My Cat"  # by which the base is asked whether it knows it
    for concept, name in zip(CONCEPTS, ("myvlm-my-cat", "myvlm-skulls-mug"), strict=True):
        ours = SUBJECTS / name
        learned = facts.read(ours / "facts.yaml", name).captions
        compared = ground_truth.load_captions(name, "own")
        for split, captions in (("train", learned), ("test", compared)):
            photos = images.list_photos(ours / split)
            assert {photo.name for photo in photos} == set(captions)
            for photo in photos:
                assert photo.read_bytes() == (DATA / concept / photo.name).read_bytes()
                texts = [f"<{name}> on shelf {photo.stem}.", f"Shelf {photo.stem} with <{name}> on it."]
                assert list(captions[photo.name]) == texts
        assert len(learned) == 4
    report = REPORT.read_text()
    assert "| myvlm-my-cat | pet | 4 | 3 | 14 | 0 |" in report and "| myvlm-my-cat |" in said
    assert "The seed 0 of params.yaml drew the 4 photos" in report
    assert "##" not in report
    for folder in ("llava", "clip"):
        (paths.BASE / folder).mkdir(parents=True)
    check = run_stage("check")
    assert check.returncode == 0, check.stderr
    assert "14 own photos are fit to run" in check.stderr and "is not used" not in check.stderr


def test_another_seed_draws_other_photos() -> None:
    before = _drawn()
    assert _drawn() == before
    set_params({"seed": 1})
    assert _drawn() != before


def test_what_is_wrong_is_left_out_and_told() -> None:
    cat, mug = (DATA / concept for concept in CONCEPTS)
    shutil.copy(cat / "0.jpg", cat / "9.jpg")  # the same picture again, without a caption
    shutil.copy(cat / "1.jpg", mug / "8.jpg")  # of two subjects
    (mug / "7.jpg").write_bytes((mug / "0.jpg").read_bytes()[:100])
    change("skulls_mug", "6.jpg", None)
    change("skulls_mug", "gone.jpg", ["skulls_mug left."])
    change("skulls_mug", "5.jpg", ["<rex> sleeps.", "A mug on a shelf.", "", "skulls_mug, told once."])
    for name, number in (("bull", 40), ("Größe", 60)):
        for photo in range(2 if name == "bull" else 5):
            draw(DATA / f"{name}/{photo}.jpg", number + photo)
    report = imported()
    captions = f"{mug}/captions.json"
    assert section(report, "Duplicate photos") == [f"{cat}/0.jpg and {cat}/9.jpg"]
    assert section(report, "Photos of two subjects") == [f"{cat}/1.jpg and {mug}/8.jpg"]
    assert section(report, "Unreadable files")[0].startswith(f"{mug}/7.jpg is truncated or damaged")
    assert section(report, "Captions without their photo") == [f"{captions}, gone.jpg"]
    assert f"{mug}/6.jpg" in section(report, "Photos without a caption")
    assert section(report, "Captions that do not name their subject") == [
        f'{captions}, 5.jpg: "A mug on a shelf."'
    ]
    malformed = section(report, "Malformed captions")
    assert malformed[0].startswith(
        f"{captions}, 5.jpg: <rex> is unknown, for this is about <myvlm-skulls-mug>"
    )
    assert malformed[1] == f"{captions}, 5.jpg: it has 0 letters" and len(malformed) == 2
    assert section(report, "Subjects left out") == [
        f"{DATA}/Größe has a name of which no id can be made: rename it, as in my_cat",
        "bull has too few photos, 2",
    ]
    ours = SUBJECTS / "myvlm-skulls-mug"
    assert (ours / "test/6.jpg").exists()  # nothing could be learned of it
    assert not pixels(ours / "train") & pixels(ours / "test")
    assert sorted(path.name for path in SUBJECTS.iterdir()) == ["myvlm-my-cat", "myvlm-skulls-mug"]
    everything = facts.read(ours / "facts.yaml", ours.name).captions | ground_truth.load_captions(
        ours.name, "own"
    )
    assert list(everything["5.jpg"]) == ["A mug on a shelf.", "<myvlm-skulls-mug>, told once."]


def test_more_captions_are_learned_from_and_what_people_wrote_is_compared_with() -> None:
    more = {f"{n}.jpg": [*told("my_cat", n), f"a my_cat, number {n}"] for n in range(7)}
    write("my_cat", "captions_augmented.json", more)
    imported()
    name = "myvlm-my-cat"
    learned = facts.read(SUBJECTS / name / "facts.yaml", name).captions
    assert all(captions[2] == f"a <{name}>, number {Path(photo).stem}" for photo, captions in learned.items())
    assert {len(captions) for captions in ground_truth.load_captions(name, "own").values()} == {2}


def test_what_cannot_be_imported_is_refused() -> None:
    assert refused("myvlm", "photos") == (
        "error: photos holds no folder with captions.json: name the folder of the published concepts"
    )
    (DATA / "my_cat/captions.json").write_text("[]")
    assert refused("myvlm", "published").startswith(f"error: {DATA}/my_cat/captions.json, ")
    write("my_cat", "captions.json", {})
    (DATA / "my_cat/3.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert "3.jpg only stands for a photo in git-lfs" in refused("myvlm", "published")
    draw(DATA / "my_cat/3.jpg", 3)
    added("myvlm", "published/data")
    assert refused("myvlm", "published").startswith(
        "error: data/subjects holds myvlm-my-cat, myvlm-skulls-mug already: remove these folders"
    )


def _drawn() -> set[str]:
    """The names of the cat's train photos as imported; then everything is as before the import."""
    imported()
    found = {path.name for path in images.list_photos(SUBJECTS / "myvlm-my-cat/train")}
    shutil.rmtree(SUBJECTS)
    shutil.rmtree(REPORT.parent)
    lines = paths.PARAMS.read_text().splitlines(keepends=True)
    paths.PARAMS.write_text("".join(line for line in lines if not line.startswith("  myvlm-")))
    return found
