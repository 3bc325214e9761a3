"""`clip-retrieval back` as a process on 127.0.0.1, which the tests of retrieve ask.

As a program, clip-retrieval's own command line with three changes: it binds loopback and a free port in place
of all addresses, loads our CLIP where its loader fails (see `stages.index.clip_retrieval_worker`), and writes
down what it is asked.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.helpers import ROOT

ADDRESS, ASKED = Path("service/address.txt"), Path("service/asked.jsonl")


@dataclass(frozen=True)
class Service:
    """The running process."""

    url: str
    process: subprocess.Popen

    def requests(self) -> list[dict]:
        """The bodies of all requests so far."""
        return [json.loads(line) for line in ASKED.read_text().splitlines()]


@contextmanager
def running(index: Path, clip: Path, metadata: pa.Table) -> Iterator[Service]:
    """Serve a faiss index as "corpus", with rows of metadata in its order."""
    folder = Path("service")
    (folder / "metadata").mkdir(parents=True)
    (folder / "image.index").write_bytes(index.read_bytes())
    pq.write_table(metadata, folder / "metadata/0.parquet")
    Path("indices.json").write_text(json.dumps({"corpus": str(folder)}))
    columns: Sequence[str] = metadata.column_names
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.clip_retrieval_back", str(clip.resolve()), *columns],
            env={"PYTHONPATH": str(ROOT), "PATH": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + 300
        while not ADDRESS.is_file():
            assert process.poll() is None and time.monotonic() < end, (folder / "log.txt").read_text()
            time.sleep(0.1)
        yield Service(ADDRESS.read_text(), process)
    finally:
        process.kill()
        process.wait()


def serve(clip: str, columns: Sequence[str]) -> None:
    """Run `clip-retrieval back` until killed."""
    import flask
    from clip_retrieval import cli
    from werkzeug.serving import make_server

    from stages.index import clip_retrieval_worker

    clip_retrieval_worker.register()

    def write_down() -> None:
        with ASKED.open("a") as file:
            print(json.dumps(flask.request.get_json(silent=True) or {}), file=file)

    def run(app: flask.Flask, **_: object) -> None:
        app.before_request(write_down)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        partial = ADDRESS.with_suffix(".partial")
        partial.write_text(f"http://127.0.0.1:{server.server_port}/knn-service")
        partial.rename(ADDRESS)
        server.serve_forever()

    flask.Flask.run = run
    sys.argv = [
        "clip-retrieval", "back", "--indices_paths=indices.json", f"--clip_model=hf_clip:{clip}@",
        "--use_jit=False", "--enable_mclip_option=False", "--provide_aesthetic_embeddings=False",
        f"--columns_to_return={json.dumps(list(columns))}",
    ]  # fmt: skip
    cli.main()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
