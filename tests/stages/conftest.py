"""What is costly to make, or used by several files of tests."""

import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.helpers import ROOT

if TYPE_CHECKING:  # torch, gradio and selenium take seconds to import
    from common.assistant import Assistant
    from common.methods.interface import MethodSubject
    from tests.support.chat_server import Server
    from tests.support.page import Browser
    from tests.support.served import Running


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path) -> tuple[Path, "Assistant"]:
    """An assistant of `tests.support.served` and the folder of its subjects; tests only read them."""
    from tests.support.served import taught

    folder = tmp_path_factory.mktemp("served")
    with chdir(folder):
        shutil.copy(ROOT / "params.yaml", ".")
        return folder, taught(tiny_llava)


@pytest.fixture(scope="module")
def assistant(served: tuple[Path, "Assistant"]) -> Iterator["Assistant"]:
    """Of a tiny model with the subjects bo and mam, both also known by a reference photo; in their folder."""
    folder, found = served
    with chdir(folder):
        yield found


@pytest.fixture(scope="module")
def server(assistant: "Assistant") -> Iterator["Running"]:
    """Our server, which answers by that assistant."""
    from tests.support.served import running

    with running(assistant) as found:
        yield found


@pytest.fixture
def chat_server() -> Iterator["Server"]:
    """Another's server, which answers as a test likes."""
    from tests.support.chat_server import Server

    found = Server()
    yield found
    found.close()


@pytest.fixture
def subject(workspace: Path) -> "MethodSubject":
    """bo, with all tables that methods learn from, and a description by a human."""
    from common.methods.interface import MethodSubject
    from tests.support.methods_helpers import learnable

    learnable("bo", human="a brown dog")
    return MethodSubject("bo", "pet")


@pytest.fixture
def page(chromium: "Browser") -> "Browser":
    """The browser of the file's `chromium`, with the page as somebody sees it who has just come."""
    chromium.open()
    return chromium
