"""Bounded downloads and the kept form of pictures, against a real server on loopback."""

import time
from collections import Counter
from dataclasses import replace
from email.message import Message

import pytest

from common.corpus import polite_http, web
from common.corpus.polite_http import robots_tags
from tests import hostile

AGENT = "personal-vlm/test"
LIMITS = web.DownloadLimits(
    timeout_s=3.0,
    retries=0,
    max_bytes=2**20,
    max_pixels=10**6,
    max_side=64,
    min_side=2,
    max_aspect=10,
    per_host=16,
    agent=AGENT,
    allowed=("127.0.0.1",),
)


def test_every_trouble_has_its_name_and_none_takes_long():
    started = time.monotonic()
    with hostile.server() as host:
        results = web.fetch([host + path for path in hostile.CAUSES], LIMITS, threads=16)
        good = web.fetch([f"{host}/ok/7.png", f"{host}/ok/8.png"], LIMITS, threads=2)
    assert dict(zip(hostile.CAUSES, map(str, results), strict=True)) == hostile.CAUSES
    assert [picture.data for picture in good] == [hostile.picture(7), hostile.picture(8)]
    assert time.monotonic() - started < 30


def test_local_files_and_other_schemes_are_refused(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(hostile.picture(1))
    urls = [secret.as_uri(), "ftp://127.0.0.1/a.png", "data:image/png;base64,AAAA", "", "picture.png"]
    assert {str(result) for result in web.fetch(urls, LIMITS, threads=1)} == {"not http"}
    with pytest.raises(OSError, match="unknown url type"):
        web.polite_opener(LIMITS).open(secret.as_uri())


def test_nobody_there():
    with hostile.server() as host:
        pass
    assert [str(result) for result in web.fetch([host + "/ok/1"], LIMITS, threads=1)] == [
        "connection refused"
    ]
    assert [str(result) for result in web.fetch(["http://no-such-host.invalid/"], LIMITS, threads=1)] == [
        "host not found"
    ]


def test_retries_are_further_attempts():
    with hostile.server() as host:
        started = time.monotonic()
        patient = replace(LIMITS, timeout_s=0.3, retries=2)
        assert str(web.fetch([host + "/stall"], patient, threads=1)[0]) == "timed out"
        assert time.monotonic() - started >= 0.9


def test_what_is_refused_for_good_is_asked_for_once():
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        paths = ["/noai", "/ours", "/reserved", "/missing", "/endless", "/broken"]
        web.fetch([host + path for path in paths], replace(LIMITS, retries=2), threads=6)
    asked = Counter(each.path for each in seen)
    assert asked == Counter(paths) + Counter({"/broken": 2})  # a server error may pass


def test_an_address_that_may_not_be_reached_is_not_tried_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(polite_http, "PAUSE_S", None)  # on which a further attempt would fail in another way
    assert (
        str(web.fetch(["http://10.0.0.1/a.png"], replace(LIMITS, retries=2), threads=1)[0]) == "local address"
    )


def test_after_the_deadline_of_a_list_nothing_is_asked_for():
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host, pytest.raises(OSError, match="the deadline of the list has passed"):
        polite_http.polite_opener(LIMITS, time.time() - 1).open(f"{host}/ok/1")
    assert not seen


def test_an_opt_out_for_others_is_none_for_us():
    with hostile.server() as host:
        assert web.fetch([host + "/theirs"], LIMITS, threads=1)[0].data == hostile.picture(5)


def test_a_server_is_told_who_asks_and_is_not_overrun():
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        found = web.fetch([f"{host}/slow/{i}" for i in range(12)], replace(LIMITS, per_host=3), threads=12)
    assert [picture.data for picture in found] == [hostile.picture(i) for i in range(12)]
    assert {each.agent for each in seen} == {AGENT}
    assert max(each.at_once for each in seen) == 3


def test_a_busy_host_is_given_the_time_it_asks_for():
    with hostile.server() as host:
        started = time.monotonic()
        assert web.fetch([host + "/busy/2"], replace(LIMITS, retries=1), threads=1)[0].data
        assert 2 <= time.monotonic() - started < 4


def test_a_host_that_wants_to_be_left_alone_for_longer_is():
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        found = web.fetch([host + "/busy/9999", host + "/ok/1"], LIMITS, threads=1)
    assert [str(failure) for failure in found] == ["http 429", "host busy"]
    assert [each.path for each in seen] == ["/busy/9999"]


@pytest.mark.parametrize(
    ("headers", "tags"),
    [
        (["noai, noimageai"], {"noai", "noimageai"}),
        (["NoAI"], {"noai"}),
        (["otherbot: noai"], set()),
        (["Personal-VLM: noai, nofollow"], {"noai", "nofollow"}),
        (["otherbot: noai", "noindex"], {"noindex"}),
        (["max-snippet: 5, noai"], {"max-snippet: 5", "noai"}),
        (["noai, max-image-preview: large"], {"noai", "max-image-preview: large"}),
    ],
)
def test_robots_tags_are_for_all_or_for_one(headers: list[str], tags: set[str]):
    message = Message()
    for header in headers:
        message["X-Robots-Tag"] = header
    assert robots_tags(message, "personal-vlm/0.1 (about)") == tags


def test_addresses_are_encoded_once():
    assert web.encoded("http://a.example/ä b.png?x=1&y=%20") == "http://a.example/%C3%A4%20b.png?x=1&y=%20"


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (" http://a.example/b.png\n", "http://a.example/b.png"),
        ("\x00http://a.example/b\t\r\n.png", "http://a.example/b.png"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
        ("http://[::1]/a", "http://[::1]/a"),
    ],
)
def test_addresses_are_read_as_browsers_read_them(listed: str, asked: str):
    assert web.is_http(listed) and web.encoded(listed) == asked


@pytest.mark.parametrize(
    "url", ["http://[a/", "http://a..b\xfc/", "http://a\ufffd/", "http://a:99999/", "http:///a"]
)
def test_an_address_that_is_none_is_counted(url: str):
    assert [str(failure) for failure in web.fetch([url], LIMITS, threads=1)] == ["bad url"]


def test_white_space_passwords_and_packed_bodies_lose_no_picture():
    with hostile.server() as host:
        mine = host.replace("http://", "http://me:pass%20word@")
        urls = [f"  {host}/ok/1\n", f"{mine}/basic/2", f"{host}/packed/3", f"{host}/said-packed/4"]
        found = web.fetch(urls, LIMITS, threads=4)
        assert [str(failure) for failure in web.fetch([f"{host}/basic/2"], LIMITS, threads=1)] == ["http 401"]
    assert [picture.data for picture in found] == [hostile.picture(number) for number in (1, 2, 3, 4)]


def test_only_allowed_hosts_may_have_local_addresses():
    """By name, by number in every notation, and by redirect; the port counts where one is given."""
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        port = host.rpartition(":")[2]
        names = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"]
        urls = [f"http://{name}:{port}/ok/1" for name in names]
        urls += [f"http://user:word@127.0.0.1:{port}/ok/1", "http://10.0.0.1/", "http://[fe80::1]/"]
        for allowed in ((), ("127.0.0.1:1",)):
            found = web.fetch(urls, replace(LIMITS, allowed=allowed), threads=4)
            assert {str(failure) for failure in found} == {"local address"}
        assert not seen
        for name in ("127.0.0.1", f"127.0.0.1:{port}"):
            assert web.fetch([f"{host}/ok/1"], replace(LIMITS, allowed=(name,)), threads=1)[0].data
