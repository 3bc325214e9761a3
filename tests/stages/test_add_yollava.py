"""`python -m commands.add yollava FOLDER` on a small folder as published, with each known defect."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.core import paths
from common.testdata import ground_truth
from tests.support.add_helpers import added, draw, pixels, refused
from tests.support.forked import limit_files, run_forked
from tests.support.helpers import run_stage
from tests.support.yollava_helpers import (
    DATA,
    REPORT,
    SUBJECTS,
    _published,  # noqa: F401  (a fixture)
    imported,
    section,
)


def test_a_sound_dataset_becomes_subjects_that_check_accepts():
    before = paths.PARAMS.read_text()
    said = added("yollava", "published")
    assert "2 subjects of Yo'LLaVA, 12 train and 6 test photos in " in said
    assert "Next: read data/yollava/report.md, then run `make repro`" in said
    assert paths.PARAMS.read_text() == before + "  yollava-bo: {kind: pet}\n  yollava-thao: {kind: person}\n"
    assert (SUBJECTS / "yollava-bo/train/3.png").read_bytes() == (DATA / "train/bo/3.png").read_bytes()
    questions = ground_truth.load_questions("yollava-bo", "own")
    assert [one.answer for one in questions.visual] == [0, 0, 1]
    assert questions.visual[0].question == "What is <yollava-bo> on?"
    assert questions.visual[0].options == ("Sofa", "Grass")
    assert questions.text[3].question == "What is <yollava-bo> on?" and len(questions.text) == 4

    report = REPORT.read_text()
    assert "| yollava-bo | pet | 6 | 3 | 3 | 0.667 | 0 | 4 | 1.000 | 0 |  |" in report
    assert "| all |  | 12 | 6 | 6 | 0.667 | 0 | 8 | 1.000 | 0 |  |" in report and "| all |" in said
    assert "There are no hard negatives: they are published as a ZIP" in report
    assert "##" not in report
    for folder in ("llava", "clip"):
        (paths.BASE / folder).mkdir(parents=True)
    check = run_stage("check")
    assert check.returncode == 0, check.stderr
    assert "18 own photos are fit to run" in check.stderr


def test_a_picture_twice_is_kept_once_and_no_test_photo_is_trained_on():
    shutil.copy(DATA / "train/bo/0.png", DATA / "train/bo/9.png")  # twice in train
    shutil.copy(DATA / "test/bo/2.png", DATA / "test/bo/1.png")  # twice in the test, asked about both times
    shutil.copy(DATA / "train/bo/4.png", DATA / "test/bo/7.png")  # in both
    for number in range(3):  # as the published neurips-cup: each test photo is a train photo
        shutil.copy(DATA / f"train/thao/{number}.png", DATA / f"test/thao/{number}.png")
    report = imported()
    train, test = DATA / "train", DATA / "test"
    assert section(report, "Duplicate photos") == [
        f"{train}/bo/0.png and {train}/bo/9.png",
        f"{test}/bo/1.png and {test}/bo/2.png",
    ]
    assert section(report, "Photos in train and test") == [
        f"{train}/bo/4.png and {test}/bo/7.png",
        *(f"{train}/thao/{n}.png and {test}/thao/{n}.png" for n in range(3)),
    ]
    assert section(report, "Questions without their photo or subject") == [
        './yollava-data/test/bo/2.png: "What is <sks> on?"',
        './yollava-data/test/thao/1.png: "What is <sks> on?"',
        './yollava-data/test/thao/2.png: "What is <sks> on?"',
    ]
    for name, tested in (("bo", 3), ("thao", 1)):
        ours = SUBJECTS / f"yollava-{name}"
        assert len(pixels(ours / "train")) == 5
        assert len(pixels(ours / "test")) == len(list((ours / "test").iterdir())) == tested
        assert not pixels(ours / "train") & pixels(ours / "test")


def test_pictures_of_two_subjects_and_unreadable_files_are_left_out():
    shutil.copy(DATA / "train/bo/1.png", DATA / "test/thao/5.png")
    (DATA / "train/thao/8.png").write_bytes((DATA / "train/thao/1.png").read_bytes()[:100])
    draw(DATA / "test/thao/6.jpg", 20, quality=60)  # train/thao/0.png once more, saved anew
    report = imported()
    assert section(report, "Photos of two subjects") == [f"{DATA}/train/bo/1.png and {DATA}/test/thao/5.png"]
    assert section(report, "Unreadable files")[0].startswith(
        f"{DATA}/train/thao/8.png is truncated or damaged"
    )
    assert section(report, "Near duplicates across train and test") == [
        f"{DATA}/train/thao/0.png and {DATA}/test/thao/6.jpg"
    ]
    assert sorted(path.name for path in (SUBJECTS / "yollava-thao/test").iterdir()) == [
        "0.png",
        "1.png",
        "2.png",
        "6.jpg",
    ]


@pytest.mark.parametrize("form", ["list", "mapping", "lines"])
def test_hard_negatives_are_kept_as_a_corpus_and_held_against_their_scores(form: str):
    folder = DATA / "train/bo/negative_example"
    for number in range(4):
        draw(folder / f"{number}ab.png", 60 + number)
    shutil.copy(folder / "0ab.png", folder / "4ab.png")
    shutil.copy(DATA / "train/bo/0.png", folder / "5ab.png")
    (folder / "6ab.png").write_bytes(b"")
    stems = ["0ab", "1ab", "2ab", "4ab", "5ab", "6ab", "7ab"]
    scores = [
        {"image": stem, "image_path": f"/authors/{stem}.png", "clip_score": 0.6 + n / 100}
        for n, stem in enumerate(stems)
    ]
    texts = {
        "list": json.dumps(scores),
        "mapping": json.dumps({score["image"]: score for score in scores}),
        "lines": "\n".join(map(json.dumps, scores)),
    }
    (folder / "scores.json").write_text(texts[form])
    report = imported()
    assert section(report, "Hard negatives") == [
        f"{folder}/6ab.png is empty (0 bytes): copy the original photo again",
        f"{folder}/3ab.png has no score in scores.json (kept)",
        f"{folder}/4ab.png is the same picture as {folder}/0ab.png",
        f"{folder}/5ab.png is the same picture as {DATA}/train/bo/0.png",
        f"{folder}/scores.json lists 7ab, of which there is no file",
    ]
    assert "| 4 | 0.60 to 0.62 |" in report
    corpus = Path("data/yollava/negatives/yollava-bo")
    assert sorted(path.name for path in corpus.iterdir()) == [f"{number}ab.png" for number in range(4)]
    assert "`index.location: data/yollava/negatives`" in report
    assert len(pixels(SUBJECTS / "yollava-bo/train")) == 6


def test_the_best_scored_negatives_are_kept_where_not_all_shall_be():
    folder = DATA / "train/bo/negative_example"
    for number in range(5):
        draw(folder / f"{number}ab.png", 60 + number)
    scores = {"0ab": 0.61, "1ab": 0.7, "2ab": 0.5, "3ab": 0.65}
    rows = [{"image": stem, "clip_score": score} for stem, score in scores.items()]
    (folder / "scores.json").write_text(json.dumps(rows))
    assert "is no number from 1 on" in refused("yollava", "published", "--negatives", "0")
    added("yollava", "published", "--negatives", "2")
    corpus = Path("data/yollava/negatives/yollava-bo")
    assert sorted(path.name for path in corpus.iterdir()) == ["1ab.png", "3ab.png"]
    assert "| 2 | 0.65 to 0.70 |" in REPORT.read_text()


def test_what_cannot_be_imported_is_refused_or_left_out():
    assert refused("yollava", "photos") == (
        "error: photos holds no train/ and test/: name the folder yollava-data of the published dataset"
    )
    (DATA / "train/bo/3.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert refused("yollava", "published") == (
        f"error: {DATA}/train/bo/3.png only stands for a photo in git-lfs: run `git lfs pull` in its "
        "repository first"
    )
    draw(DATA / "train/bo/3.png", 3)
    shutil.copy(DATA / "yollava-text-only-qa.json", DATA / "text_qa.json")
    assert "holds several files of text questions, text_qa.json, yollava-t" in refused("yollava", "published")
    (DATA / "text_qa.json").unlink()
    draw(DATA / "train/somebody/0.png", 90)
    shutil.rmtree(DATA / "test/thao")
    assert section(imported(), "Subjects left out") == [
        "somebody is none of the forty, so that nobody knows its kind",
        "thao has too few photos in test",
    ]
    assert sorted(path.name for path in SUBJECTS.iterdir()) == ["yollava-bo"]
    assert refused("yollava", "published").startswith(
        "error: data/subjects holds yollava-bo already: remove these"
    )


@pytest.mark.parametrize("trouble", ["full", "killed"])
def test_a_full_disk_or_a_kill_leaves_no_visible_file_and_the_import_runs_again(trouble: str):
    """The kernel stops it where it would write the last byte of the last test photo."""
    last = DATA / "test/thao/2.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 120, 3), np.uint8)).save(last)
    before = visible()
    limited = partial(limit_files, last.stat().st_size - 1, trouble == "killed")
    done = run_forked("commands.add", "yollava", "published", before=limited)
    assert done.returncode != 0
    if trouble == "full":
        assert done.stdout == (
            "error: cannot write data/subjects/yollava-thao: the disk is full: free some space and run the "
            "command again\n"
        )
        assert not list(Path().rglob("*.partial"))
    assert visible() == before
    assert "2 subjects of Yo'LLaVA, 12 train and 6 test photos" in added("yollava", "published")
    assert not list(Path().rglob("*.partial"))


def visible() -> dict[Path, bytes]:
    """All files but hidden ones and those in hidden folders."""
    files = (path for path in Path().rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not any(part.startswith(".") for part in path.parts)}
