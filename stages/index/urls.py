"""A list of URLs becomes rows of the index: downloaded by img2dataset, every failure counted by cause.

Owns what goes to img2dataset and what comes back, and the folder in which a download goes on that was
stopped. Does not own the list's format (`listing`), img2dataset's process (`subprocess_job`), or what a
usable picture is (`corpus.web`).
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from common.core import io, paths
from common.corpus import web
from common.corpus.corpus_entry import CorpusEntry
from common.corpus.safety import Safety
from stages.index import subprocess_job
from stages.index.loopback import loopback
from stages.index.rows import IndexRows, row

WORK = paths.INDEX.with_name(".index.download")  # outlives a run that was stopped
GRACE_S = 60.0  # after the deadline, for img2dataset to write down what it has; then it is ended
DEADLINE = "deadline"  # the cause under which `core.causes` counts what the deadline has cut off


@dataclass(frozen=True)
class Download:
    """How a list is downloaded; nothing of this changes what a picture becomes."""

    serve: Path | None  # folder served on loopback in place of base_url
    base_url: str
    deadline_s: float
    shard: int  # URLs that are downloaded together; what is whole survives a stop
    distributor: str
    processes: int
    threads: int


def wanted(entries: Sequence[CorpusEntry], safety: Safety) -> tuple[dict[int, CorpusEntry], Counter]:
    """The entries by their position, without those that the list calls unsafe, and the count of these."""
    reasons = [safety.prefilter_reason(entry.punsafe) for entry in entries]
    kept = {i: entry for i, entry in enumerate(entries) if not reasons[i]}
    return kept, Counter(filter(None, reasons))


def download(
    entries: Mapping[int, CorpusEntry], limits: web.DownloadLimits, how: Download
) -> tuple[IndexRows, Counter]:
    """Download a list within the deadline: rows (keys are positions) and failures by cause.

    What an earlier run of the same list had finished when it was killed, or at its deadline, is not asked for
    again.
    """
    asked, refused = _addresses(entries)
    _go_on(entries, limits, how)
    with loopback(how.serve) if how.serve else _nobody() as host:
        stand_in = {i: _moved(url, how.base_url, host) for i, url in asked.items()}
        reach = (*limits.allowed, urlsplit(host).netloc) if host else limits.allowed
        finished = _img2dataset(stand_in, replace(limits, allowed=reach), how)
    rows, failures = _collect(entries, limits)
    missing = len(asked) - len(rows) - failures.total()
    try:
        if finished and missing:
            raise subprocess_job.failure(f"img2dataset lost {missing} of {len(asked)} URLs", WORK)
    finally:
        if finished and not failures[DEADLINE]:
            shutil.rmtree(WORK)
    failures.update({DEADLINE: missing})
    return rows, +(failures + refused)


def _addresses(entries: Mapping[int, CorpusEntry]) -> tuple[dict[int, str], Counter]:
    """The addresses that can be asked for, and the count of the others by cause."""
    asked, refused = {}, Counter()
    for i, entry in entries.items():
        try:
            if not web.is_http(entry.url):
                raise web.Unusable("not http")
            asked[i] = web.encoded(entry.url)
        except web.Unusable as failure:
            refused[str(failure)] += 1
    return asked, refused


def _go_on(entries: Mapping[int, CorpusEntry], limits: web.DownloadLimits, how: Download) -> None:
    """Keep what is left of a stopped download if it was this one; else begin with an empty folder.

    Files served on loopback may have been drawn anew, and are near enough to be fetched again.
    """
    listed = json.dumps([(i, entry.url) for i, entry in entries.items()]).encode()
    bounds = asdict(limits) | {"allowed": list(limits.allowed)}
    this = {"urls": io.sha256_bytes(listed), "limits": bounds, "shard": how.shard}
    of = WORK / "of.json"
    if how.serve or not of.is_file() or io.read_json(of) != this:
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        io.write_json(of, this)
    for done in WORK.glob("out/*_stats.json"):
        try:
            messages = pq.ParquetFile(_table(done)).read(columns=["error_message"])["error_message"]
            whole = DEADLINE not in {web.cause(message or "") for message in messages.to_pylist()}
        except (OSError, pa.ArrowException):  # the machine went down before all was on the disk
            whole = False
        if not whole:
            done.unlink()


def _table(stats: Path) -> Path:
    return stats.with_name(stats.name.replace("_stats.json", ".parquet"))


def _collect(entries: Mapping[int, CorpusEntry], limits: web.DownloadLimits) -> tuple[IndexRows, Counter]:
    """What img2dataset has finished: rows of usable pictures, and the other URLs by cause."""
    rows, failures = [], Counter()
    for done in sorted(WORK.glob("out/*_stats.json")):
        table = pq.ParquetFile(_table(done)).read(columns=["row", "error_message", "png"])
        for downloaded in table.to_pylist():
            try:
                if downloaded["png"] is None:
                    raise web.Unusable(web.cause(downloaded["error_message"] or ""))
                picture = web.keep(downloaded["png"], limits)
            except web.Unusable as failure:
                failures[str(failure)] += 1
            else:
                rows.append(row(f"{downloaded['row']:09d}", entries[downloaded["row"]], picture))
    return rows, failures


@contextmanager
def _nobody() -> Iterator[None]:
    yield None


def _moved(url: str, base_url: str, host: str | None) -> str:
    return host + url[len(base_url) :] if host and url.startswith(base_url) else url


def in_turns(urls: Mapping[int, str]) -> list[int]:
    """The positions of a list, each host's first before any host's second.

    So a host that answers slowly, or never, cannot hold all workers while the others' pictures wait.
    """
    asked, turn = Counter(), {}
    for i, url in urls.items():
        host = urlsplit(url).netloc
        turn[i] = asked[host]
        asked[host] += 1
    return sorted(urls, key=lambda i: (turn[i], i))


def _img2dataset(urls: Mapping[int, str], limits: web.DownloadLimits, how: Download) -> bool:
    """Run img2dataset until all is done; after the deadline nothing is asked for any more.

    Returns whether it finished by itself.
    """
    if not urls:
        return True
    rows = in_turns(urls)
    pq.write_table(pa.table({"row": rows, "url": [urls[i] for i in rows]}), WORK / "list.parquet")
    settings = {
        "url_list": str(WORK / "list.parquet"),
        "input_format": "parquet",
        "save_additional_columns": ["row"],
        "output_folder": str(WORK / "out"),
        "output_format": "parquet",
        "encode_format": "png",  # names the column of bytes, which stay as the server sent them:
        "encode_quality": 6,
        "disable_all_reencoding": True,  # its own decoding ignores EXIF rotation and color profiles
        "distributor": how.distributor,
        "processes_count": how.processes,
        "thread_count": how.threads,
        "number_sample_per_shard": how.shard,
        "incremental_mode": "incremental",  # shards with statistics are done
        "timeout": limits.timeout_s,
        "retries": 0,  # our opener tries again itself, but not what is refused for good
        "extract_exif": False,
        "compute_hash": None,
        "enable_wandb": False,
    }
    deadline = time.time() + how.deadline_s
    io.write_json(
        WORK / "job.json", {"limits": asdict(limits), "deadline": deadline, "img2dataset": settings}
    )
    return subprocess_job.run(
        "img2dataset",
        "stages.index.img2dataset_job",
        WORK,
        how.deadline_s + GRACE_S,
        len(urls),
        lambda: sum(json.loads(stats.read_text())["count"] for stats in WORK.glob("out/*_stats.json")),
    )
