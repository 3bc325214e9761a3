"""One deadline and one bound for a service's reply, and errors that repeat neither address nor key."""

import pytest

from common.core.replies import NoReplyError, ask, holds_password, shown
from tests import hostile


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        *((f"/{name}", "timed out") for name in ("stall", "drip", "drip-status", "drip-headers")),
        *((f"/{name}", "timed out") for name in ("drip-chunks", "drip-trailers", "continue")),
        ("/endless", "its reply is too large"),
    ],
)
def test_a_service_that_does_not_end_costs_its_time_alone(path: str, reason: str):
    with hostile.server() as host, pytest.raises(NoReplyError, match=reason):
        ask(host + path, None, 1.0, 10**6)


def test_what_a_service_answers_is_given_whatever_its_status():
    with hostile.server() as host:
        assert (ask(f"{host}/missing", None, 5.0, 100)[0::2]) == (404, b"no")
        assert ask(f"{host}/to-file", None, 5.0, 100).status == 302  # not followed


@pytest.mark.parametrize("header", ["secret\nkey", "secret\r\n", "sécret ✓"])
@pytest.mark.parametrize("url", ["http://user:secret@127.0.0.1:1/", "http://[secret/", "http://secret:port/"])
def test_no_error_repeats_an_address_or_a_key(url: str, header: str):
    for headers in ({"Authorization": header}, {}):
        with pytest.raises(NoReplyError) as failure:
            ask(url, {"a": 1}, 1.0, 100, headers)
        assert "secret" not in repr(failure.value) and failure.value.__suppress_context__


def test_an_address_is_shown_without_what_is_private():
    assert shown("https://user:pass@a.example:8/v1?key=3#x") == "https://a.example:8/v1"
    assert holds_password("https://user:pass@a.example/v1")
    assert not holds_password("https://a.example/v1/@x")
