"""A writer that is killed, or writes beside another, leaves the old or the new, whole."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from common.core import io
from common.core.errors import UserError
from tests.support.helpers import ROOT


@pytest.fixture(autouse=True)
def _in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_kill_in_the_middle_leaves_no_file_under_the_real_name():
    code = (
        "import os, signal; from pathlib import Path; from common.core import io\n"
        "with io.atomic(Path('out/file')) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert [path.name for path in Path("out").iterdir()] == [".file.partial"]
    io.write_bytes(Path("out/file"), b"whole")
    assert [path.name for path in Path("out").iterdir()] == ["file"]


def test_a_folder_is_replaced_as_a_whole_or_not_at_all():
    folder = Path("data/world")
    for content in (b"old", b"new"):
        with io.whole_folder(folder) as partial:
            (partial / content.decode()).write_bytes(content)
    assert [path.name for path in folder.iterdir()] == ["new"]
    with (
        pytest.raises(UserError, match="cannot write data/world: the disk is full"),
        io.whole_folder(folder) as partial,
    ):
        (partial / "half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "full")
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in folder.parent.iterdir()] == ["world"]


def test_what_a_kill_left_of_a_folder_is_not_taken_over():
    (left := Path(".world.partial")).mkdir()
    (left / "half").write_bytes(b"half")
    with io.whole_folder(Path("world")) as partial:
        (partial / "whole").write_bytes(b"whole")
    assert [path.name for path in Path("world").iterdir()] == ["whole"]


def test_two_writers_of_one_file_or_folder_do_not_mix():
    """The second is told; once the first is done, its result is whole and others may write."""
    for writer in (io.atomic, io.whole_folder):
        path = Path(f"both-{writer.__name__}")
        told = pytest.raises(UserError, match=f"another process is writing {path}: wait")
        with writer(path), told, writer(path):
            pass
        assert path.exists()
        with writer(path):
            pass
    assert not list(Path().glob(".both*"))


def test_many_writers_at_once_leave_one_whole_file():
    lines = """
        import sys
        from pathlib import Path
        from common.core import io
        from common.core.errors import UserError
        for _ in range(50):
            try:
                io.write_bytes(Path("shared"), sys.argv[1].encode() * 10_000)
            except UserError as error:
                assert "another process is writing shared" in str(error)
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(lines)]
    writers = [subprocess.Popen([*command, letter], env=environment) for letter in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert Path("shared").read_bytes() in {letter * 10_000 for letter in (b"a", b"b", b"c")}
    assert not list(Path().glob(".shared*"))
