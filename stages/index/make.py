"""From `index.source` to data/index/: which reader, which vectors, which card."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.core import io, paths, web
from stages.core.clip import Clip
from stages.core.errors import UserError
from stages.index import build, existing, folder, service, urls


def make(
    source: str,
    location: Path,
    base_clip: str,
    revision: str | None,
    device: str,
    limits: web.Limits,
    threads: int,
    **download: Any,
) -> str:
    """Make data/index/ from `location`; `download` goes on to `urls.download`. Returns the closing words."""
    with io.whole_folder(paths.INDEX) as partial:
        fetching = asdict(limits) | {"threads": threads}  # for retrieve, where images are known by URL alone
        if source == "service":
            found = service.read(location, limits.timeout_s)
            card = build.card(source, limits.max_side, found["size"], found["size"], {}) | {
                "service": found,
                "fetch": fetching,
            }
            io.write_json(partial / paths.INDEX_CARD.name, card)
            return f"{found['size']:,} images behind {found['url']}"
        clip = Clip(base_clip, revision, device)
        if source == "index":
            rows, vectors, failures = existing.read(location, limits)
            existing.check_same_clip(clip, rows, vectors)
        elif source == "folder":
            rows, failures = folder.read(location, limits)
        else:
            entries = urls.read_list(location)
            with build.imported_meanwhile():
                rows, failures = urls.download(
                    entries, limits=limits, threads=threads, work=partial / "work", **download
                )
        if not rows:
            raise UserError(
                f"index.location: no usable image in {location} ({web.causes(failures)}): mend the source"
            )
        if source != "index":
            vectors = build.embed_rows(clip, rows)
        remote = sum(row["image"] is None for row in rows)
        card = build.card(source, limits.max_side, len(rows), remote, failures)
        build.write(partial, rows, vectors, card | ({"fetch": fetching} if remote else {}))
    return f"{len(rows):,} images, failed: {web.causes(failures)}"
