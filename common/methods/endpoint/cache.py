"""Answers by request, on disk: the same question is put to a server once.

A file per request under .cache/endpoint, named by the SHA-256 of address and body. The folder is neither a
dependency nor an output of any stage, so DVC does not clear it before a rerun, and need not know of it: at
temperature 0 it only remembers what the same request would give. If the server's model has changed under its
name, remove the folder. A file holds the reply alone, no photo and no key.
"""

import json
from pathlib import Path

from common.core import foreign, io
from common.methods.endpoint.chat import Reply

FOLDER = Path(".cache/endpoint")


def place(url: str, body: dict) -> Path:
    """Where the reply to a request lies."""
    digest = io.sha256_bytes(json.dumps([url, body], sort_keys=True).encode())
    return FOLDER / digest[:2] / f"{digest}.json"


def get(path: Path) -> Reply | None:
    """The reply that lies there, if one does."""
    return (
        foreign.read(path, Reply, "text, first and prompt_tokens are kept here") if path.is_file() else None
    )


def put(path: Path, reply: Reply) -> None:
    """Keep a reply."""
    io.write_json(path, reply.model_dump())
