"""Which addresses count as the public internet's; deadlines under TLS; proxies; names of failures."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.core.causes import cause
from common.core.connection import is_global, retry_after
from common.core.replies import NoReplyError, ask
from common.corpus.polite_http import DownloadLimits
from common.corpus.web import fetch
from tests import hostile
from tests.hostile import raw


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


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoded = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*encoded))
    return path


def test_tls_is_checked_and_ends_in_time_as_well(certificate: Path, monkeypatch: pytest.MonkeyPatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with hostile.server(tls=context) as host:
        with pytest.raises(NoReplyError, match="bad certificate"):
            ask(f"{host}/ok/1", None, 5.0, 10**6)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ask(f"{host}/ok/1", None, 5.0, 10**6).data == hostile.picture(1)
        for path in ("drip", "drip-headers", "continue"):
            with pytest.raises(NoReplyError, match="timed out"):
                ask(f"{host}/{path}", None, 1.0, 10**6)


def test_a_peer_that_never_shakes_hands_costs_its_time_alone():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NoReplyError, match="timed out"):
        ask(f"https://127.0.0.1:{silent.getsockname()[1]}/", None, 1.0, 100)


def test_behind_a_proxy_local_numbers_are_refused_and_names_are_the_proxys(monkeypatch: pytest.MonkeyPatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    limits = DownloadLimits(5.0, 0, 10**6, 10**6, 64, 2, 10, per_host=1, agent="personal-vlm/test")
    with raw.server() as proxy:
        proxy.answer = raw.http(hostile.picture(3))
        monkeypatch.setenv("http_proxy", proxy.url)
        urls = [
            "http://a.example/3.png",
            "http://10.0.0.1/3.png",
            "http://0x7f.1/3.png",
            "http://localhost/3.png",
        ]
        found = fetch(urls, limits, threads=1)
    assert found[0].data == hostile.picture(3)
    assert [str(failure) for failure in found[1:]] == ["local address"] * 3
