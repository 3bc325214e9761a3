"""A URL Parquet becomes rows of the index: downloaded by img2dataset, every failure counted by cause.

Owns the list, the loopback server that stands for the embedded world's host, and the bounded subprocess. Does
not own what a usable picture is (`core.web`) or what happens inside img2dataset.
"""

import errno
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from signal import SIGKILL

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core import io, paths, progress, web
from stages.core.errors import DISK_FULL, UserError, write_error
from stages.index.rows import Rows, row

SHARD = 1000  # URLs per img2dataset shard: finished shards survive the deadline
ROOM = 2**20  # bytes; with less left on the disk, img2dataset does not fail: it waits for ever
ROOT = Path(__file__).resolve().parents[2]


def read_list(path: Path) -> list[tuple[str, str | None]]:
    """URLs and captions of a Parquet file with a `url` and, if there are any, a `caption` column."""
    if not path.is_file():
        raise UserError(f"index.location: {path} is missing: name a Parquet file with a url column")
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"index.location: {path} is not a Parquet file that can be read ({error})") from error
    if "url" not in table.column_names or not table.num_rows:
        raise UserError(f"index.location: {path} needs at least one row and a column url")
    text = {
        name: table[name].cast(pa.string()).to_pylist()
        for name in {"url", "caption"} & set(table.column_names)
    }
    return list(zip(text["url"], text.get("caption", [None] * table.num_rows), strict=True))


def download(
    entries: list[tuple[str, str | None]],
    serve: Path | None,
    base_url: str,
    limits: web.Limits,
    deadline_s: float,
    processes: int,
    threads: int,
    work: Path,
) -> tuple[Rows, Counter]:
    """Download a list within `deadline_s`: rows (keys are list positions) and failures by cause."""
    wanted = [(i, url) for i, (url, _) in enumerate(entries) if web.is_http(url)]
    work.mkdir(parents=True)
    with loopback(serve) if serve else _nobody() as host:
        stand_in = [(i, web.encoded(_moved(url, base_url, host))) for i, url in wanted]
        finished = _img2dataset(stand_in, limits, deadline_s, processes, threads, work)
    rows, failures = _collect(entries, limits, work)
    missing = len(wanted) - len(rows) - failures.total()
    if finished and missing:
        raise _failure(f"img2dataset lost {missing} of {len(wanted)} URLs", work)
    shutil.rmtree(work)
    failures.update({"deadline": missing, "not http": len(entries) - len(wanted)})
    return rows, +failures


def _collect(entries: list[tuple[str, str | None]], limits: web.Limits, work: Path) -> tuple[Rows, Counter]:
    """What img2dataset has finished: rows of usable pictures, and the other URLs by cause."""
    rows, failures = [], Counter()
    for done in sorted(work.glob("out/*_stats.json")):
        table = pq.ParquetFile(done.with_name(done.name.replace("_stats.json", ".parquet"))).read()
        for found in table.select(["row", "error_message", "png"]).to_pylist():
            url, caption = entries[found["row"]]
            try:
                if found["png"] is None:
                    raise web.Unusable(web.cause(found["error_message"]))
                picture = web.keep(found["png"], limits)
            except web.Unusable as failure:
                failures[str(failure)] += 1
            else:
                rows.append(row(f"{found['row']:09d}", url, caption, picture))
    return rows, failures


@contextmanager
def loopback(folder: Path) -> Iterator[str]:
    """Serve a folder on an ephemeral port of 127.0.0.1; yields "http://127.0.0.1:PORT/"."""
    if not folder.is_dir():
        raise UserError(
            f"index.serve: the folder {folder} is missing: make it with `dvc repro`, or set serve: null"
        )
    handler = partial(_Quiet, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256  # the default of 5 makes many threads wait a second for a connection


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """One line per request is for servers that people watch."""


@contextmanager
def _nobody() -> Iterator[None]:
    yield None


def _moved(url: str, base_url: str, host: str | None) -> str:
    return host + url[len(base_url) :] if host and url.startswith(base_url) else url


def _img2dataset(
    urls: list[tuple[int, str]],
    limits: web.Limits,
    deadline_s: float,
    processes: int,
    threads: int,
    work: Path,
) -> bool:
    """Run img2dataset in a process group of its own; whether it finished before the deadline."""
    if not urls:
        return True
    rows, addresses = zip(*urls, strict=True)
    pq.write_table(pa.table({"row": rows, "url": addresses}), work / "list.parquet")
    job = {
        "bounds": {"timeout_s": limits.timeout_s, "max_bytes": limits.max_bytes},
        "img2dataset": {
            "url_list": str(work / "list.parquet"),
            "input_format": "parquet",
            "save_additional_columns": ["row"],
            "output_folder": str(work / "out"),
            "output_format": "parquet",
            "encode_format": "png",  # names the column of bytes, which stay as the server sent them:
            "encode_quality": 6,
            "disable_all_reencoding": True,  # its own decoding ignores EXIF rotation and color profiles
            "processes_count": processes,
            "thread_count": threads,
            "number_sample_per_shard": SHARD,
            "timeout": limits.timeout_s,
            "retries": limits.retries,
            "extract_exif": False,
            "compute_hash": None,
            "enable_wandb": False,
        },
    }
    io.write_json(work / "job.json", job)
    with (work / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stages.index.img2dataset_job", str(work / "job.json")],
            stdin=subprocess.PIPE,  # held open: its end tells the job that this process is gone
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | _environment(),
        )
    try:
        return _watch(process, time.monotonic() + deadline_s, len(urls), work)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
        process.stdin.close()


def _environment() -> dict[str, str]:
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return {
        "NO_ALBUMENTATIONS_UPDATE": "1",  # or an import of img2dataset asks the web for its version
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "no_proxy": ",".join(filter(None, ["127.0.0.1", direct])),
    }


def _watch(process: subprocess.Popen, end: float, total: int, work: Path) -> bool:
    with progress.bar(total, "download") as bar:
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
            if shutil.disk_usage(work).free < ROOM:
                raise write_error(paths.INDEX, OSError(errno.ENOSPC, ""))
            shards = work.glob("out/*_stats.json")
            with suppress(ValueError):  # a file that is being written
                bar.update(sum(json.loads(shard.read_text())["count"] for shard in shards) - bar.n)
    if process.returncode:
        raise _failure(f"img2dataset stopped with exit code {process.returncode}", work)
    return process.returncode == 0


def _failure(what: str, work: Path) -> UserError:
    """Why img2dataset failed, as far as its log tells."""
    lines = (work / "log.txt").read_text(errors="replace").split("\n")
    words = next((line.strip() for line in reversed(lines) if "rror" in line), "its log names no error")
    full = any(os.strerror(code) in words for code in DISK_FULL)
    remedy = "the disk is full: free some space and" if full else "mend that and"
    return UserError(f"{what} ({words}): {remedy} run the command again")
