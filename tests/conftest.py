import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.helpers import small_params

if TYPE_CHECKING:
    from common import vlm

os.environ["DVC_TEST"] = "1"  # DVC's own word for it: nobody is told of its use, or asked for a newer version


@pytest.fixture(scope="session", autouse=True)
def _end_of_forks() -> Iterator[None]:
    """Stop the server that tests have forked processes from, if any has."""
    yield
    if forked := sys.modules.get("tests.support.forked"):
        forked.stop()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one, with `small_params`; `set_params` changes them further."""
    monkeypatch.chdir(tmp_path)
    small_params()
    return tmp_path


@pytest.fixture(scope="session")
def tiny_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random LLaVA; tests only read it."""
    from tests.support import tiny  # torch takes seconds to import, which most unit tests need not wait for

    return tiny.llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="module")
def base(tiny_llava: Path) -> "vlm.Base":
    """The tiny LLaVA, loaded: a file's own, for some of them change it."""
    from common import vlm

    return vlm.load(str(tiny_llava))


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random CLIP; tests only read it."""
    from tests.support import tiny

    return tiny.clip(tmp_path_factory.mktemp("clip"))
