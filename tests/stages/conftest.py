"""What is costly to make and used by several files of tests."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.helpers import ROOT

if TYPE_CHECKING:
    from common.assistant import Assistant  # torch takes seconds to import


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path) -> tuple[Path, "Assistant"]:
    """An assistant of `tests.support.served` and the folder of its subjects; tests only read them."""
    from tests.support.served import taught

    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shutil.copy(ROOT / "params.yaml", ".")
        return folder, taught(tiny_llava)
