"""The assemble stage: one file per subject that `datasets` opens, equal bytes each time, no test photo."""

import shutil
from pathlib import Path

import datasets
import pytest
from PIL import Image
from ruamel.yaml import YAML

from common.core import io, paths, schema
from common.core.errors import UserError
from common.core.images import load_image, photo_row
from stages.assemble.__main__ import main
from tests.support.helpers import REAL_PHOTOS, ROOT, run_here, save_photo, set_params

BOTH = {"mam": {"kind": "person", "source": "world"}, "bo": {"kind": "pet", "source": "world"}}


def empty(table_schema: object) -> dict:
    return dict.fromkeys(table_schema.names)


def negative(path: Path, role: str, score: float) -> dict:
    return (
        empty(schema.NEGATIVES)
        | photo_row(path)
        | {"role": role, "score": score, "key": path.stem, "url": path.name}
    )


def inputs(subject: str, train: list[Path], negatives: list[dict]) -> None:
    """What retrieve and synthesize would have written."""
    for row in negatives:
        row.pop("source", None)
    order = [("role", "descending"), ("score", "descending"), "key"]
    io.write_parquet(paths.negatives(subject), negatives, schema.NEGATIVES, order)
    turns = [
        empty(schema.CONVERSATIONS)
        | {"kind": kind, "photo": photo.name, "photo_sha256": io.sha256_file(photo), "turn": turn}
        | {"question": f"What color is <{subject}>?", "answer": "Red."}
        for photo in train
        for turn, kind in enumerate(("qa", "qa", "dropped", "caption"))
    ]
    turns.append(
        empty(schema.CONVERSATIONS) | {"kind": "description_short", "answer": "<bo> is red.", "turn": 0}
    )
    io.write_parquet(paths.conversations(subject), turns, schema.CONVERSATIONS, ["photo", "turn"])


@pytest.fixture
def joined(workspace: Path) -> Path:
    """A workspace with all inputs of `bo` and `mam`, of which params.yaml lists only `bo`."""
    set_params({"assemble.positive_copies": 3})
    for name, color in (("mam", 0), ("bo", 100)):
        train = [save_photo(paths.train_photos(name, "world") / f"{n}.png", color + n) for n in range(2)]
        save_photo(paths.test_photos(name, "world") / "0.png", color + 50)
        corpus = [save_photo(workspace / f"corpus/{name}{n}.jpg", color + 60 + n, (60, 50)) for n in range(8)]
        rows = [negative(path, "hard" if n < 5 else "easy", 0.9 - n / 10) for n, path in enumerate(corpus)]
        inputs(name, train, rows)
    return workspace


def test_datasets_opens_the_file_with_decoded_images(joined: Path) -> None:
    assert main() == "1 subjects, 8 positive, 8 negative and 4 text samples"
    table = datasets.load_dataset(
        "parquet", data_files=str(paths.dataset("bo")), split="train", cache_dir="cache"
    )
    assert table.column_names == schema.DATASET.names
    assert len(table) == 8 + 8 + 4 + 10
    for row in table:
        assert isinstance(row["image"], Image.Image) == (row["task"] == "recognition")
    assert {row["image"].mode for row in table if row["image"]} == {"RGB"}


def test_one_photo_of_several_is_learned_from_where_params_say_so(joined: Path) -> None:
    set_params({"train_photos": 1})
    assert main() == "1 subjects, 8 positive, 8 negative and 4 text samples"
    rows = io.read_parquet(paths.dataset("bo"), schema.DATASET).to_pylist()
    assert len({row["source"] for row in rows if row["role"] == "positive"}) == 1


def test_the_file_has_the_promised_columns_and_rows(joined: Path) -> None:
    main()
    table = io.read_parquet(paths.dataset("bo"), schema.DATASET)
    assert all(table.schema.field(name).metadata[b"description"] for name in table.column_names)
    first = table.slice(0, 1).to_pylist()[0]
    assert first["source"] == "data/world/subjects/bo/train/0.png"
    assert first["source_sha256"] == io.sha256_file(Path(first["source"]))
    assert load_image(first["image"]["bytes"]).tobytes() == load_image(Path(first["source"])).tobytes()
    assert [
        row["score"] for row in table.to_pylist() if row["split"] == "train" and row["role"] == "hard"
    ] == (pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5]))


def test_bytes_stay_when_run_again_or_with_another_subject_and_removed_ones_go(joined: Path) -> None:
    main()
    alone = paths.dataset("bo").read_bytes()
    set_params({"subjects": BOTH})
    main()
    assert paths.dataset("bo").read_bytes() == alone
    assert paths.dataset("mam").is_file()
    set_params({"-subjects.mam": None})
    main()
    assert [path.name for path in paths.DATASET.iterdir()] == ["bo.parquet"]
    assert paths.dataset("bo").read_bytes() == alone


@pytest.mark.parametrize(("name", "other"), [("drawn", "real"), ("real", "drawn")])
def test_pictures_are_asked_about_by_the_chosen_templates(joined: Path, name: str, other: str) -> None:
    set_params({"assemble.recognition": name, "assemble.positive_copies": 10})
    main()
    rows = io.read_parquet(paths.dataset("bo"), schema.DATASET).to_pylist()
    asked = {(row["question"], row["label"], row["answer"]) for row in rows if row["template"] is not None}
    sentences = {answer for answer in asked if "single word" not in answer[0]}
    assert {label for _, label, _ in sentences} == {"yes", "no"} and len(asked - sentences) > 5
    assert sentences <= written(name) and not sentences & written(other)


def written(name: str) -> set[tuple[str, str, str]]:
    """Question, label and answer of the sentences in prompts.yaml."""
    sentences = YAML(typ="safe").load(ROOT / "prompts.yaml")["recognition"][name]["sentences"]
    return {
        (each["question"].replace("{name}", "<bo>"), label, each[label].replace("{name}", "<bo>"))
        for each in sentences
        for label in ("yes", "no")
    }


def test_a_test_photo_among_the_train_photos_is_refused_even_as_another_format(joined: Path) -> None:
    test = paths.test_photos("bo", "world") / "0.png"
    load_image(test).save(paths.train_photos("bo", "world") / "copy.bmp")
    with pytest.raises(UserError) as error:
        main()
    assert "data/world/subjects/bo/train/copy.bmp" in str(error.value)
    assert "data/world/subjects/bo/test/0.png" in str(error.value)
    assert not paths.dataset("bo").exists()


def test_a_test_photo_among_the_negatives_is_refused(joined: Path) -> None:
    test = paths.test_photos("bo", "world") / "0.png"
    shutil.copy(test, "corpus/leak.png")
    inputs("bo", [], [negative(Path("corpus/leak.png"), "hard", 0.9)])
    result = run_here("assemble")
    assert result.returncode == 1
    assert result.stderr.startswith(
        "error: leak.png is the same picture as the test photo data/world/subjects/bo/test"
    )
    assert "Traceback" not in result.stderr


def test_missing_input_names_the_file(joined: Path) -> None:
    paths.conversations("bo").unlink()
    with pytest.raises(UserError, match=r"data/conversations/bo\.parquet is missing: run `dvc repro`"):
        main()


@pytest.mark.skipif(not REAL_PHOTOS.is_dir(), reason="needs the real photos beside the repository")
def test_own_real_photos_and_look_alikes_of_other_dogs(workspace: Path) -> None:
    set_params(
        {"subjects": {"rex": {"kind": "pet"}}, "assemble.image_size": 64, "assemble.positive_copies": 2}
    )
    photos = sorted((REAL_PHOTOS / "dog").glob("*.jpg"))
    for split, files in (("train", photos[:3]), ("test", photos[3:])):
        folder = paths.photos_dir("rex", "own") / split
        folder.mkdir(parents=True)
        for path in files:
            shutil.copy(path, folder)
    others = [negative(path, "hard", 0.8) for path in sorted((REAL_PHOTOS / "dog2").glob("*.jpg"))]
    inputs("rex", photos[:3], others)
    main()
    rows = io.read_parquet(paths.dataset("rex"), schema.DATASET).to_pylist()
    sizes = {max(load_image(row["image"]["bytes"]).size) for row in rows if row["image"]}
    assert sizes == {64}
