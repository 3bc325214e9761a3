"""The corpus that is searched: data/index/ on disk, with images it knows by URL alone fetched on demand.

Owns reading rows; the search is clip-retrieval's (`knn`). A corpus that is a remote service is
`service.Service`, with the same three members.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol

import numpy as np
import pyarrow.parquet as pq

from common.clip import SAME_CLIP, Clip, embed
from common.core import io, paths
from common.core.errors import UserError
from common.core.images import load_image
from common.core.vectors import read_index
from common.corpus import web
from common.corpus.corpus_entry import CorpusEntry
from stages.retrieve import knn
from stages.retrieve.select import Candidate

COLUMNS = CorpusEntry._fields


class Corpus(Protocol):
    """What retrieve needs of a corpus."""

    size: int

    def search(self, vectors: np.ndarray, neighbors: int) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (q, d) → scores (q, m) falling and row numbers (q, m), -1 where there are fewer."""
        ...

    def candidates(self, ids: Sequence[int], failures: Counter) -> list[Candidate]:
        """The rows with these numbers, in order; images that cannot be had are counted instead."""
        ...


class LocalIndex:
    """data/index/ on disk."""

    def __init__(self, clip: Clip, card: dict[str, Any]) -> None:
        """Open the index; raises UserError when its files do not belong together or to this CLIP."""
        self.clip, self.fetching = clip, card.get("fetch")
        try:
            self.index = read_index(paths.INDEX_IMAGES)
            self.vectors = np.load(paths.INDEX_EMBEDDINGS, mmap_mode="r")  # (n, d) float32
            self.file = pq.ParquetFile(paths.INDEX_METADATA)
        except (OSError, ValueError, RuntimeError, EOFError) as error:
            raise UserError(
                f"{paths.INDEX} cannot be read ({str(error)[:200]}): run `dvc repro index`"
            ) from error
        self.rows = self.file.read(columns=[*COLUMNS, "key", "sha256", "original_sha256"]).to_pylist()
        self.size = len(self.rows)
        if not self.size == self.index.ntotal == len(self.vectors):
            raise UserError(f"the files in {paths.INDEX} do not belong together: run `dvc repro index`")
        if self.index.d != clip.dimension:
            raise UserError(
                f"{paths.INDEX} has vectors of size {self.index.d}, base.clip.model makes {clip.dimension}: "
                "run `dvc repro index` with this base.clip.model"
            )
        self.service = knn.knn_service(self.index)

    def search(self, vectors: np.ndarray, neighbors: int) -> tuple[np.ndarray, np.ndarray]:
        """See Corpus.search; exact."""
        return knn.search(self.service, vectors, min(neighbors, self.size))

    def candidates(self, ids: Sequence[int], failures: Counter) -> list[Candidate]:
        """See Corpus.candidates; images come from the table, or from their URL where it has none."""
        pictures = self._stored(ids)
        missing = [i for i in ids if i not in pictures]
        if missing:
            fetched = fetch([self.rows[i]["url"] for i in missing], self.fetching, failures)
            loaded = {i: picture for i, picture in zip(missing, fetched, strict=True) if picture}
            self._check_same_clip(loaded)
            pictures |= loaded
        return [
            Candidate(i, row["key"], _listed(row), pictures[i], np.asarray(self.vectors[i]))
            for i in ids
            if i in pictures and (row := self.rows[i])
        ]

    def _stored(self, ids: Sequence[int]) -> dict[int, web.CorpusImage]:
        """Pictures from the table, read by row group so that a large table never fills the memory."""
        groups, start = defaultdict(list), 0
        for number in range(self.file.num_row_groups):
            end = start + self.file.metadata.row_group(number).num_rows
            groups[number] = [(i, i - start) for i in ids if start <= i < end]
            start = end
        pictures = {}
        for number, members in groups.items():
            column = self.file.read_row_group(number, columns=["image"])["image"] if members else None
            for i, place in members:
                if image := column[place].as_py():
                    suffix = PurePosixPath(image["path"]).suffix
                    pictures[i] = web.CorpusImage(
                        image["bytes"],
                        self.rows[i]["sha256"],
                        self.rows[i]["original_sha256"],
                        load_image(image["bytes"], image["path"]),
                        suffix,
                    )
        return pictures

    def _check_same_clip(self, loaded: dict[int, web.CorpusImage]) -> None:
        if not loaded:
            return
        again = embed(self.clip, [picture.image for picture in loaded.values()])
        agreement = float(np.median(np.einsum("nd,nd->n", again, self.vectors[list(loaded)])))
        if agreement < SAME_CLIP:
            raise UserError(
                f"base.clip.model does not reproduce the vectors of the index (cosine {agreement:.2f}): "
                "set base.clip.model to the model that made it"
            )


def _listed(row: dict[str, Any]) -> CorpusEntry:
    return CorpusEntry(**{name: row[name] for name in COLUMNS})


def fetch(urls: list[str], fetching: dict[str, Any], failures: Counter) -> list[web.CorpusImage | None]:
    """Download images within the limits that the index's card records; failures are counted by cause."""
    results = web.fetch(urls, web.DownloadLimits(**fetching["limits"]), fetching["threads"])
    failures.update(str(result) for result in results if isinstance(result, web.Unusable))
    return [None if isinstance(result, web.Unusable) else result for result in results]


def read_card() -> dict[str, Any]:
    """The index's card; a missing one is a UserError."""
    return io.read_json(paths.INDEX_CARD)
