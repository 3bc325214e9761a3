import shutil
from pathlib import Path

import pytest

from tests.helpers import ROOT, set_params


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one, with the repository's params.yaml cut down to the subject `bo`.

    Change it further with `tests.helpers.set_params`.
    """
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    set_params(
        {"subjects": {"bo": {"kind": "pet", "source": "world"}}, "world.corpus": 60, "train.epochs": 1}
    )
    return tmp_path
