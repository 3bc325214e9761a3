"""From `index.source` to data/index/: which reader, which vectors, what is kept out, which card."""

import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

from common.clip import Clip
from common.core import io, paths
from common.core.errors import UserError
from common.corpus import web
from common.corpus.safety import Safety
from stages.index import build, distributed_embed, existing, folder, listing, service, urls
from stages.index.rows import IndexRows


def make(
    source: str,
    location: Path,
    base: tuple[str, str | None, str],
    limits: web.DownloadLimits,
    safety: Safety,
    how: urls.Download,
    strategy: distributed_embed.Strategy,
) -> str:
    """Make data/index/ from `location`; `base` is the CLIP's name, revision and device.

    Returns the closing words.
    """
    distributed_embed.require("index.distributor", how.distributor)
    distributed_embed.require("index.distribution_strategy", strategy.name)
    # for retrieve, where images are known by URL alone
    fetching = {"limits": asdict(limits), "threads": how.threads}
    with io.whole_folder(paths.INDEX) as partial:
        if source == "service":
            served = service.read(location, limits.timeout_s)
            card = build.card(source, limits.max_side, served["size"], served["size"], {}, safety.card())
            asked = {"service": served, "fetch": fetching, "safety_model": safety.path}
            io.write_json(partial / paths.INDEX_CARD.name, card | asked)
            return f"{served['size']:,} images behind {served['url']}"
        clip = Clip(*base)
        rows, vectors, failures = _read(source, location, clip, limits, safety, how)
        if rows and vectors is None:
            vectors = (
                build.embed_rows(clip, rows)
                if strategy.name == "sequential"
                else distributed_embed.embed(*base[:2], rows, strategy, partial / "work")
            )
        rows, vectors = keep_safe(rows, vectors, safety, failures)
        if not rows:
            raise UserError(
                f"index.location: no usable image in {location} ({web.causes(failures)}): mend the source"
            )
        remote = sum(row["image"] is None for row in rows)
        card = build.card(source, limits.max_side, len(rows), remote, failures, safety.card())
        build.write(partial, rows, vectors, card | ({"fetch": fetching} if remote else {}))
    if source != "urls":
        shutil.rmtree(urls.WORK, ignore_errors=True)  # of a download that was stopped, and is not wanted now
    return f"{len(rows):,} images, failed: {web.causes(failures)}"


def _read(
    source: str, location: Path, clip: Clip, limits: web.DownloadLimits, safety: Safety, how: urls.Download
) -> tuple[IndexRows, np.ndarray | None, Counter]:
    """Rows, their vectors where the source has them, and failures by cause."""
    if source == "index":
        rows, vectors, failures, known = existing.read(location, limits)
        existing.check_same_clip(clip, rows, vectors)
        _require_column(safety, known, location)
        return rows, vectors, failures
    if source == "folder":
        _require_column(safety, set(), location)
        rows, failures = folder.read(location, limits)
        return rows, None, failures
    entries, known = listing.read(location)
    _require_column(safety, known, location)
    wanted, unsafe = urls.wanted(entries, safety)
    with build.imported_meanwhile():
        rows, failures = urls.download(wanted, limits, how)
    return rows, None, failures + unsafe


def keep_safe(
    rows: IndexRows, vectors: np.ndarray | None, safety: Safety, failures: Counter
) -> tuple[IndexRows, np.ndarray | None]:
    """Without what is unsafe, by the corpus's own number or else by the detector; counted in `failures`."""
    chances = safety.chances([row["punsafe"] for row in rows], vectors)
    rows = [row | {"punsafe": chance} for row, chance in zip(rows, chances, strict=True)]
    reasons = [safety.rejection_reason(chance) for chance in chances]
    failures.update(filter(None, reasons))
    kept = [i for i, reason in enumerate(reasons) if not reason]
    return [rows[i] for i in kept], vectors if vectors is None else vectors[kept]


def _require_column(safety: Safety, known: set[str], location: Path) -> None:
    if safety.needs_column and "punsafe" not in known:
        raise UserError(
            f"index.max_punsafe: {location} has no column punsafe to compare it with: set it to null, or "
            "index.safety_model to the weights of LAION's detector"
        )
