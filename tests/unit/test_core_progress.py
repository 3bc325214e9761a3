import pytest

from common.core import progress


def test_a_log_has_whole_lines_now_and_then(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    assert list(progress.bar(range(3), "photos")) == [0, 1, 2]
    said = capsys.readouterr().err
    assert "\r" not in said
    lines = said.splitlines()
    assert all(line.startswith("photos: ") for line in lines) and "3/3" in lines[-1]


def test_what_is_done_within_a_minute_says_nothing(capsys):
    with progress.bar(2, "steps") as bar:
        bar.update()
        bar.update()
    assert capsys.readouterr().err == ""


def test_a_minute_passes_between_two_lines(capsys, monkeypatch: pytest.MonkeyPatch):
    with progress.bar(600, "steps") as bar:
        clock = bar.start_t
        monkeypatch.setattr(bar, "_time", lambda: clock)
        for _ in range(600):
            clock += 0.5  # of 300 seconds
            bar.update()
    shown = [line.split("|")[2].split()[0] for line in capsys.readouterr().err.splitlines()]
    assert 4 <= len(shown) <= 5 and shown[0] == "120/600"
