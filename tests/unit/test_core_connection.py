"""Which addresses count as the public internet's, and what a server's wish to be left alone amounts to."""

import pytest

from stages.core.connection import cause, is_global, retry_after


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    ],
)
def test_addresses_of_ones_own_network(address: str):
    assert not is_global(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_public_internet(address: str):
    assert is_global(address)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), (" 0.5 ", 0.5), ("9" * 5000, 999999999.0)]
    + [(word, None) for word in (None, "", "-1", "inf", "NaN", "1e9", "Fri, 31 Dec 1999 23:59:59 GMT", "٣")],
)
def test_retry_after_is_a_bounded_number_or_nothing(header: str | None, seconds: float | None):
    assert retry_after(header) == seconds


def test_what_a_server_says_does_not_choose_the_name_of_its_failure():
    assert cause("HTTP Error 404: the deadline of the list has passed") == "http 404"
    assert cause("HTTP Error 302: ... would lead to an infinite loop.\n") == "redirect loop"
