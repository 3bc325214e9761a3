import errno
import os
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from common.core import io, schema
from common.core.errors import UserError
from tests.support.helpers import ROOT, save_photo

NEGATIVE = {"role": "hard", "rank": 0, "score": 0.5, "key": "000001", "sha256": "ab", "caption": None}


def row(**changes):
    image = {"bytes": save_photo(Path("photo.png")).read_bytes(), "path": "photo.png"}
    return dict.fromkeys(schema.NEGATIVES.names) | NEGATIVE | {"image": image} | changes


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_parquet_is_sorted_canonical_and_described():
    rows = [row(key="b", role="easy"), row(key="c"), row(key="a", score=0.9)]
    key = [("role", "descending"), ("score", "descending"), "key"]
    io.write_parquet(Path("a.parquet"), rows, schema.NEGATIVES, key)
    table = pa.Table.from_pylist(rows[::-1], schema=schema.NEGATIVES)
    io.write_parquet(Path("deep/b.parquet"), table, schema.NEGATIVES, key)
    assert Path("a.parquet").read_bytes() == Path("deep/b.parquet").read_bytes()
    back = io.read_parquet(Path("a.parquet"), schema.NEGATIVES)
    assert back["key"].to_pylist() == ["a", "c", "b"]
    assert b"cosine" in back.schema.field("score").metadata[b"description"]


def test_datasets_opens_it_with_decoded_images():
    io.write_parquet(Path("a.parquet"), [row()], schema.NEGATIVES, ["key"])
    loaded = datasets.load_dataset("parquet", data_files="a.parquet", cache_dir="cache")["train"]
    assert loaded[0]["image"].size == (40, 30)
    assert loaded.features["score"].dtype == "float32"


def test_every_schema_speaks_the_language_of_datasets():
    tables = [value for value in vars(schema).values() if isinstance(value, pa.Schema)]
    assert len(tables) > 1
    for table in tables:
        features = datasets.Features.from_arrow_schema(table)
        assert features.arrow_schema.types == table.types
        assert all(field.metadata[b"description"] for field in table)


def test_a_table_with_other_columns_or_damage_is_refused():
    io.write_parquet(Path("a.parquet"), [row()], schema.NEGATIVES, ["key"])
    with pytest.raises(UserError, match=r"a\.parquet has other columns .* `dvc repro`"):
        io.read_parquet(Path("a.parquet"), schema.DATASET)
    Path("a.parquet").write_bytes(Path("a.parquet").read_bytes()[:-50])
    with pytest.raises(UserError, match=r"a\.parquet cannot be read"):
        io.read_parquet(Path("a.parquet"))
    with pytest.raises(UserError, match=r"b\.parquet is missing"):
        io.read_parquet(Path("b.parquet"))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, "", "{", "\ufeff{}"])
def test_json_that_is_none_or_endlessly_deep_is_refused(text: str):
    Path("a.json").write_text(text)
    with pytest.raises(UserError, match=r"^a\.json .*: delete it and run `dvc repro`$"):
        io.read_json(Path("a.json"))


def test_large_tables_are_split_so_that_readers_can_stream():
    rows = [row(key=f"{i:04}", image=None) for i in range(2500)]
    io.write_parquet(Path("a.parquet"), rows, schema.NEGATIVES, ["key"])
    assert pq.ParquetFile("a.parquet").num_row_groups == 3


def test_json_and_csv_are_canonical():
    io.write_json(Path("a.json"), {"b": 1, "a": "é"})
    assert Path("a.json").read_text() == '{\n  "a": "é",\n  "b": 1\n}\n'
    assert io.read_json(Path("a.json")) == {"a": "é", "b": 1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        io.write_json(Path("b.json"), float("nan"))
    assert not Path("b.json").exists()
    io.write_csv(Path("a.csv"), [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": None}])
    assert Path("a.csv").read_bytes() == b"epoch,loss\n1,0.5\n2,\n"


def test_safetensors_are_canonical_and_carry_their_info():
    tensors = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.zeros(1)}
    info = {"subject": "bo", "k": 2}
    io.write_safetensors(Path("a.safetensors"), tensors, info)
    io.write_safetensors(Path("b.safetensors"), dict(reversed(tensors.items())), dict(reversed(info.items())))
    assert io.sha256_file(Path("a.safetensors")) == io.sha256_file(Path("b.safetensors"))
    back, read = io.read_safetensors(Path("a.safetensors"))
    assert read == info
    assert torch.equal(back["b"], tensors["b"])
    Path("a.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match=r"a\.safetensors cannot be read"):
        io.read_safetensors(Path("a.safetensors"))


def test_keep_only_removes_the_files_of_removed_subjects():
    for name in ("bo", "mam"):
        io.write_bytes(Path(f"data/{name}.parquet"), b"x")
    io.keep_only(Path("data"), [Path("data/bo.parquet")])
    assert [path.name for path in Path("data").iterdir()] == ["bo.parquet"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(error: int):
    io.write_bytes(Path("a.bin"), b"old")
    with pytest.raises(UserError, match=r"cannot write a\.bin"), io.atomic(Path("a.bin")) as file:
        file.write(b"half")
        raise OSError(error, os.strerror(error))
    assert [path.name for path in Path().iterdir()] == ["a.bin"]
    assert Path("a.bin").read_bytes() == b"old"


WRITERS = {
    "bytes": "io.write_bytes(path, bytes(10**6))",
    "json": "io.write_json(path, ['x' * 10**6])",
    "csv": "io.write_csv(path, [{'a': 'x' * 10**6}])",
    "parquet": "import pyarrow as pa, os; t = pa.table({'a': [os.urandom(10**6)]});"
    "io.write_parquet(path, t, t.schema, ['a'])",
    "safetensors": "import torch; io.write_safetensors(path, {'a': torch.zeros(10**6)}, {})",
}


@pytest.mark.parametrize("statement", WRITERS.values(), ids=WRITERS)
def test_no_room_is_one_sentence_and_no_partial_file(statement: str):
    """The kernel lets no file grow beyond 64 KiB, which fails a write half-way as a full disk does."""
    code = (
        "import resource; from pathlib import Path; from common.core import errors, io\n"
        "path = Path('out/file')\n"
        "def main() -> str:\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        f"    {statement}\n"
        "main.__globals__['__package__'] = 'stages.some'\n"
        "errors.run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "error: cannot write out/file: the disk is full: free some space and run the command again\n",
    )
    assert list(Path("out").iterdir()) == []
