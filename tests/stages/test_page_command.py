"""The page's command line."""

import socket
from pathlib import Path

import pytest

from common.core.errors import UserError
from tests.support.helpers import run_stage


def test_a_port_in_use_is_one_sentence(workspace: Path) -> None:
    from commands.page.__main__ import main

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="is in use"):
        main(str(taken.getsockname()[1]))
    with pytest.raises(UserError, match="is no port"):
        main("http")


@pytest.mark.slow
def test_the_command(workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed = run_stage("page", str(taken.getsockname()[1]))
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1 and "is in use" in failed.stderr
