"""What a clip-retrieval service may answer, and what is said of anything else."""

import json
from typing import Any

import numpy as np
import pytest

from common.core.errors import UserError
from stages.retrieve.service import RemoteService
from tests.hostile import raw

GOOD = {"id": 3, "similarity": 0.5, "caption": "a \ud800", "url": "http://a.example/"}
QUERY = np.ones((1, 4), np.float32)


def asked(answer: bytes) -> tuple[RemoteService, np.ndarray, np.ndarray]:
    """A service of ten rows that answers this to every request; and the result of a search."""
    with raw.server() as host:
        host.answer = answer
        about = {
            "url": f"{host.url}/knn-service",
            "indice_name": "x",
            "size": 10,
            "timeout_s": 5.0,
            "retries": 0,
        }
        card = {"fetch": {}, "service": about, "safety": {"max_punsafe": None}, "safety_model": None}
        service = RemoteService(None, card)
        return service, *service.search(QUERY, 2)


def test_a_good_answer_is_taken_with_its_metadata():
    service, scores, ids = asked(raw.http(json.dumps([GOOD]).encode()))
    assert ids.tolist() == [[3, -1]] and scores.tolist() == [[0.5, -np.inf]]
    # services in Python write NaN for what they do not know
    answer = json.dumps([GOOD | {"punsafe": float("nan")}]).encode()
    assert asked(raw.http(answer))[0].metadata[3]["punsafe"] is None
    assert service.metadata[3] == {"caption": "a \ufffd", "url": "http://a.example/"}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([GOOD | {"id": 10}], "row 10 of 10: mend size"),
        ([GOOD | {"id": -1}], r"0\.id"),
        ([GOOD | {"id": 2**70}], r"row 1,180,591,620,717,411,303,424 of 10"),
        ([GOOD | {"id": True}], r"0\.id"),
        ([GOOD | {"id": 1.5}], r"0\.id"),
        ([{"id": 1}], r"0\.similarity: Field required"),
        ([GOOD | {"similarity": 7}], r"0\.similarity"),
        ([GOOD | {"similarity": float("nan")}], r"0\.similarity"),
        ([3], r"0: Input should be a valid dictionary"),
        ({"message": "\x1b[2J broken"}, "valid list"),
    ],
)
def test_anything_else_is_a_sentence(rows: Any, reason: str):
    with pytest.raises(UserError, match=rf"gives no answer for index x \(.*{reason}") as failure:
        asked(raw.http(json.dumps(rows).encode(), 500))
    assert "\x1b" not in str(failure.value)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 10**5, b"noise", raw.http(b"{}", 302, Location="/a")]
)
def test_a_server_that_is_no_service_is_a_sentence(answer: bytes):
    with pytest.raises(UserError, match="gives no answer for index x"):
        asked(answer)
