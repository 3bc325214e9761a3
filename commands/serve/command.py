"""The command line of serve: owns the words, the address and the token, not what is served."""

import argparse
import ipaddress
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from common.core.errors import UserError

TOKEN = "SERVE_TOKEN"  # environment variable
SHORTEST = 16  # letters of a token that nobody guesses
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")  # as a Host header writes it


def read(words: Sequence[str]) -> argparse.Namespace:
    """`host`, `port`, `photos` (None where left out); ends the process on mistakes.

    Raises UserError if the folder of photos is missing, or the port is none.
    """
    parser = argparse.ArgumentParser(
        prog="python -m commands.serve",
        description="Answer questions about trained subjects over HTTP, as OpenAI's chat completions.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help=f"address; another than this machine's needs ${TOKEN}"
    )
    parser.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    parser.add_argument(
        "--photos", type=Path, help="folder whose photos requests may name in place of sending them"
    )
    options = parser.parse_args(words)
    if not 0 <= options.port < 2**16:  # the system would take what is left of it
        raise UserError(f"--port {options.port} is no port: use one up to 65535, or 0 for any that is free")
    if options.photos and not options.photos.is_dir():
        raise UserError(f"--photos {options.photos} is no folder: make it, or name another")
    return options


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token(host: str) -> str | None:
    """What clients have to send; None if anybody on this machine may ask.

    Raises UserError if other machines could ask and there is none, or it is none.
    """
    value = os.environ.get(TOKEN, "")
    if not value and is_loopback(host):
        return None
    if len(value) < SHORTEST or not value.isascii() or not value.isprintable() or " " in value:
        why = "is no token" if is_loopback(host) else f"must hold a token, for others can reach {host}"
        raise UserError(
            f"the environment variable {TOKEN} {why}: set it to {SHORTEST} or more letters and digits, which "
            "clients send as their API key"
        )
    return value


def hosts(host: str) -> Sequence[str] | None:
    """What a Host header may name, against DNS rebinding; None for anything, where the token protects."""
    return LOOPBACK if is_loopback(host) else None


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises UserError where none can."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (")[0]
        raise UserError(
            f"cannot listen on {host} port {port} ({reason}): stop what uses it, or choose another --port"
        ) from None
