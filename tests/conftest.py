import shutil
from pathlib import Path

import pytest

from tests.support.helpers import ROOT, set_params


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one, with the repository's params.yaml cut down to the subject `bo`.

    Change it further with `tests.support.helpers.set_params`.
    """
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    set_params(
        {"subjects": {"bo": {"kind": "pet", "source": "world"}}, "world.corpus": 60, "train.epochs": 1}
    )
    return tmp_path


@pytest.fixture(scope="session")
def tiny_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random LLaVA; tests only read it."""
    from tests.support import tiny  # torch takes seconds to import, which most unit tests need not wait for

    return tiny.llava(tmp_path_factory.mktemp("llava"))


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random CLIP; tests only read it."""
    from tests.support import tiny

    return tiny.clip(tmp_path_factory.mktemp("clip"))
