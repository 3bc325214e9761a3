"""MyVLM's protocol on made-up subjects: folds draw other photos, and leave the pipeline's files alone."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks import folds
from common import vlm
from common.core import images, io, paths, schema
from common.core.errors import UserError
from common.core.params import load
from tests.support.helpers import ROOT, set_params
from tests.support.subjects import populate

SUBJECTS = {"bo": "own", "mam": "own"}


@pytest.fixture
def prepared(workspace: Path, tiny_llava: Path, clip_folder: Path) -> Path:
    """Two subjects of six photos each, with negatives, and a short MyVLM, taught by its own questions."""
    section = load(ROOT / "params.yaml").methods["myvlm"]
    section |= {"mode": "vqa", "own_questions": {"category": "the {kind}", "max_new_tokens": 4}}
    section["head"] |= {"steps": 10, "pictures": 4}
    section["embedding"] |= {"steps": 2}
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "base.clip.model": str(clip_folder),
            "methods": {"myvlm": section},
            "subjects": {name: {"kind": "pet", "source": source} for name, source in SUBJECTS.items()},
            "synthesize.max_new_tokens": 2,
            "evaluate.max_new_tokens": 2,
            "assemble.positive_copies": 1,
        }
    )
    populate(SUBJECTS, train=3, test=3)
    for name, other in (("bo", "mam"), ("mam", "bo")):
        rows = [
            dict.fromkeys(schema.NEGATIVES.names)
            | {key: row[key] for key in ("sha256", "image")}
            | {"role": "easy", "key": path.name, "url": f"http://corpus.example/{path.name}"}
            for path in images.list_photos(paths.train_photos(other, "own"))
            for row in [images.photo_row(path)]
        ]
        io.write_parquet(paths.negatives(name), rows, schema.NEGATIVES, ["key"])
    return workspace


def tell(name: str) -> dict[str, list[str]]:
    """Captions of all photos, as MyVLM's dataset brings them; by the photos' hashes."""
    written = {
        split: {photo.name: [f"<{name}> in {split} {photo.stem}.", f"My <{name}>."] for photo in photos}
        for split, photos in (
            ("train", images.list_photos(paths.train_photos(name, "own"))),
            ("test", images.list_photos(paths.test_photos(name, "own"))),
        )
    }
    YAML().dump({"captions": written["train"]}, paths.facts(name, "own"))
    io.write_json(paths.truth_dir(name, "own") / "captions.json", written["test"])
    folder = paths.photos_dir(name, "own")
    return {
        io.sha256_file(folder / split / photo): texts
        for split, known in written.items()
        for photo, texts in known.items()
    }


def test_all_five_folds_learn_from_other_photos_and_ask_about_the_rest(prepared: Path) -> None:
    for name in SUBJECTS:
        tell(name)
    set_params({"methods.myvlm.mode": "captioning", "-methods.myvlm.own_questions": None})
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    said = folds.main("myvlm")
    assert said.startswith("reports/folds/myvlm.json: hits ")
    found = io.read_json(Path("reports/folds/myvlm.json"))
    assert found["photos"] == 4 and len(found["folds"]) == 5
    for fold in found["folds"]:
        assert set(fold) == set(folds.MEASURES) and all(0 <= value <= 1 for value in fold.values())
    after = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert after.pop(Path("reports/folds/myvlm.json")) and after == before


def test_a_fold_keeps_what_it_does_not_learn_from(prepared: Path, tiny_llava: Path) -> None:
    p, base = load(), vlm.load(str(tiny_llava))
    subject = folds.read(p, "bo")
    assert len(subject.photos) == 6
    kept = []
    for number in (0, 1):
        kept.append(folds.learn_from(p, base, subject, number))
        rows = io.read_parquet(paths.dataset("bo"), schema.DATASET).to_pylist()
        learned = {row["source_sha256"] for row in rows if row["label"] == "yes"}
        spoken = io.read_parquet(paths.conversations("bo"), schema.CONVERSATIONS).to_pylist()
        # head, vector and questions share their photos
        assert {row["photo_sha256"] for row in spoken if row["photo_sha256"]} == learned and len(learned) == 4
        assert {io.sha256_file(path) for path in kept[-1]} == {*map(io.sha256_file, subject.photos)} - learned
    assert set(kept[0]) != set(kept[1])


def test_captions_by_people_are_learned_in_place_of_an_interview(prepared: Path, tiny_llava: Path) -> None:
    written = tell("bo")
    p, base = load(), vlm.load(str(tiny_llava))
    folds.learn_from(p, base, folds.read(p, "bo"), 0)
    spoken = io.read_parquet(paths.conversations("bo"), schema.CONVERSATIONS).to_pylist()
    learned: dict[str, list[str]] = {}
    for row in spoken:
        if row["photo"]:
            assert row["kind"] == "caption" and row["raw_answer"] is None  # the base said none of it
            learned.setdefault(row["photo_sha256"], []).append(row["answer"])
    assert len(learned) == 4 and all(texts == written[photo] for photo, texts in learned.items())
    assert {row["kind"] for row in spoken} == {"caption", "description_short", "description_long"}

    # of a photo without a caption the base is asked, as ever
    paths.facts("bo", "own").unlink()
    folds.learn_from(p, base, folds.read(p, "bo"), 0)
    spoken = io.read_parquet(paths.conversations("bo"), schema.CONVERSATIONS).to_pylist()
    asked = {row["photo_sha256"] for row in spoken if row["photo"] and row["raw_answer"] is not None}
    own = {row["photo_sha256"] for row in spoken if row["photo"] and row["raw_answer"] is None}
    assert asked and own and not asked & own and len(asked | own) == 4


def test_too_few_photos_are_refused(prepared: Path) -> None:
    for path in images.list_photos(paths.test_photos("mam", "own"))[:2]:
        path.unlink()
    with pytest.raises(UserError, match="mam has 4 photos, and a fold learns from 4 and asks about others"):
        folds.main("myvlm")
