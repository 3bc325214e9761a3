"""A running clip-retrieval service as the corpus: asked by embedding only, within time limits.

Owns the two requests of its HTTP interface that are needed (knn-service and metadata) and what can go wrong
with them. Everything a server may send is checked before it is used.
"""

import base64
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from common.clip import Clip, embed
from common.core import foreign, replies
from common.core.errors import UserError
from common.core.progress import printable
from common.corpus import web
from common.corpus.corpus_entry import from_service
from common.corpus.safety import Safety
from stages.retrieve import knn
from stages.retrieve.corpus import fetch
from stages.retrieve.select import Candidate

T = TypeVar("T")
MAX_BYTES = 256 * 2**20  # of a reply: thousands of rows, some with their image
SIMILARITY_GAP = 0.1  # between the service's cosine and ours for one image; a scaled copy stays well below


Id = Annotated[int, Field(strict=True, ge=0)]  # a row of the index


class Found(BaseModel):
    """A result of knn-service; beside these it holds what metadata there is."""

    model_config = ConfigDict(extra="allow")
    id: Id
    similarity: Annotated[float, Field(ge=-1.01, le=1.01, allow_inf_nan=False)]  # cosine, as rounded


class Known(BaseModel):
    """A row of metadata."""

    id: Id
    metadata: dict[str, Any]


class RemoteService:
    """A clip-retrieval service behind an URL."""

    def __init__(self, clip: Clip, card: dict[str, Any]) -> None:
        """Take over what the index stage checked and recorded in its card."""
        self.clip, self.fetching, self.service = clip, card["fetch"], card["service"]
        self.safety = Safety(card["safety"]["max_punsafe"], card["safety_model"])
        self.size: int = self.service["size"]
        self.metadata: dict[int, dict[str, Any]] = {}
        self.asked: dict[
            int, tuple[np.ndarray, float]
        ] = {}  # row → a query and the similarity that was reported

    def search(self, vectors: np.ndarray, neighbors: int) -> tuple[np.ndarray, np.ndarray]:
        """See Corpus.search; one request per vector."""
        neighbors = min(neighbors, self.size)
        scores = np.full((len(vectors), neighbors), -np.inf, np.float32)
        ids = np.full((len(vectors), neighbors), -1, np.int64)
        for q, vector in enumerate(vectors):
            question = knn.question(
                vector,
                neighbors,
                self.service["indice_name"],
                safety=self.safety.max_punsafe is not None,
            )
            for place, result in enumerate(self._post("knn-service", question, Found)[:neighbors]):
                if result.id >= self.size:
                    raise self._error(f"a result is row {result.id:,} of {self.size:,}: mend size")
                scores[q, place], ids[q, place] = result.similarity, result.id
                self.metadata[result.id] = result.model_extra
                self.asked[result.id] = vector, result.similarity
        return scores, ids

    def candidates(self, ids: Sequence[int], failures: Counter) -> list[Candidate]:
        """See Corpus.candidates; images come from the address in the metadata, or from the answer itself."""
        self._learn([i for i in ids if i not in self.metadata])
        listed = {i: from_service(self.metadata[i]) for i in ids if i in self.metadata}
        listed = {i: entry._replace(url=entry.url or f"{i:09d}") for i, entry in listed.items()}
        refused = {i: self.safety.prefilter_reason(entry.punsafe) for i, entry in listed.items()}
        failures.update(filter(None, refused.values()))
        pictures = {i: self._inline(self.metadata[i]) for i, reason in refused.items() if not reason}
        by_url = [i for i, picture in pictures.items() if not picture]
        fetched = fetch([listed[i].url for i in by_url], self.fetching, failures)
        pictures |= dict(zip(by_url, fetched, strict=True))
        usable = {i: picture for i, picture in pictures.items() if picture}
        if not usable:
            return []
        vectors = embed(self.clip, [picture.image for picture in usable.values()])
        self._check_same_clip(list(usable), vectors)
        chances = self.safety.chances([listed[i].punsafe for i in usable], vectors)
        failures.update(filter(None, map(self.safety.rejection_reason, chances)))
        return [
            Candidate(i, f"{i:09d}", listed[i]._replace(punsafe=chance), picture, vector)
            for (i, picture), vector, chance in zip(usable.items(), vectors, chances, strict=True)
            if not self.safety.rejection_reason(chance)
        ]

    def _learn(self, ids: list[int]) -> None:
        if not ids:
            return
        rows = self._post("metadata", {"ids": ids, "indice_name": self.service["indice_name"]}, Known)
        self.metadata |= {row.id: row.metadata for row in rows if row.id in ids}

    def _inline(self, answer: dict[str, Any]) -> web.CorpusImage | None:
        """The image that a service with local files puts into its answer, as base64."""
        try:
            data = base64.b64decode(answer["image"], validate=True)
            return web.keep(data, web.DownloadLimits(**self.fetching["limits"]))
        except (KeyError, TypeError, ValueError, web.Unusable):
            return None

    def _check_same_clip(self, ids: list[int], vectors: np.ndarray) -> None:
        gaps = [
            abs(float(self.asked[i][0] @ v) - self.asked[i][1])
            for i, v in zip(ids, vectors, strict=True)
            if i in self.asked
        ]
        if gaps and np.median(gaps) > SIMILARITY_GAP:
            raise UserError(
                f"the service at {replies.shown(self.service['url'])} measures other similarities than "
                f"base.clip.model (by {np.median(gaps):.2f}): set base.clip.model to what made its index"
            )

    def _post(self, name: str, question: dict[str, Any], row: type[T]) -> list[T]:
        """Ask and return the list that is the answer; anything else is tried again, then a UserError."""
        address, problem = self.service["url"].removesuffix("knn-service") + name, ""
        for _ in range(self.service["retries"] + 1):
            try:
                reply = replies.ask(address, question, self.service["timeout_s"], MAX_BYTES)
                problem = f"HTTP {reply.status}"
                return foreign.parsed(reply.data, list[row])
            except replies.NoReplyError as error:
                problem = str(error)
            except foreign.FormError as error:
                said = printable(reply.data[:100].decode(errors="replace"))
                problem = f"HTTP {reply.status}, {error}: {said}"  # it answers mistakes with a dictionary
        raise self._error(problem)

    def _error(self, problem: str) -> UserError:
        return UserError(
            f"the clip-retrieval service at {replies.shown(self.service['url'])} gives no answer for index "
            f"{self.service['indice_name']} ({problem}): see its log, or set another index.source"
        )
