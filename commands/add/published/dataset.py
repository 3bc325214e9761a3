"""A published dataset as imported: its subjects, placed in data/subjects, and the report of what is wrong."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from commands.add.pictures import AddedPhoto
from commands.add.published.findings import Findings
from commands.add.published.photos import Photos
from common.core import io, paths
from common.core.errors import UserError

REPORT = "report.md"
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True)
class PublishedSubject:
    """One subject, not yet copied."""

    id: str
    kind: str
    photos: Photos

    def place(self, folder: Path, _: Path) -> None:
        """Fill the subject's new folder; what is no subject's goes to the dataset's, the second argument."""
        # the published bytes, so that anyone's hashes of them agree with ours
        copy(self.photos.train, folder / "train")
        copy(self.photos.test, folder / "test")


@dataclass(frozen=True)
class PublishedDataset:
    """All subjects that can be imported, and what is wrong.

    Attributes:
        title: as people call the dataset.
        folder: where its report lies, beside data/subjects, where only photos of subjects belong.
        subjects: at least one.
        table: head and rows of what was imported.
        notes: what else readers of the report are told, a paragraph each.
        findings: what is wrong.

    """

    title: str
    folder: Path
    subjects: Sequence[PublishedSubject]
    table: Rows
    notes: Sequence[str]
    findings: Findings

    @property
    def kinds(self) -> Mapping[str, str]:
        """Id → kind."""
        return {subject.id: subject.kind for subject in self.subjects}

    def place(self) -> None:
        """Make all folders; none of them appears before every one is complete."""
        with ExitStack() as folders:
            ours = folders.enter_context(io.whole_folder(self.folder))
            io.write_bytes(ours / REPORT, self.report().encode())
            for subject in self.subjects:
                folder = folders.enter_context(io.whole_folder(paths.photos_dir(subject.id, "own")))
                subject.place(folder, ours)

    def report(self) -> str:
        """The whole report as Markdown."""
        head = f"# The {self.title} dataset as imported"
        return "\n\n".join([head, _markdown(self.table), *self.notes, *self.findings.sections()]) + "\n"

    def summary(self) -> str:
        """What was added."""
        train, test = (
            sum(len(getattr(s.photos, split)) for s in self.subjects) for split in ("train", "test")
        )
        return f"{len(self.subjects)} subjects of {self.title}, {train} train and {test} test photos"

    def say_next(self) -> str:
        """What was imported, how much is wrong, where the report is, and what to do now."""
        after = f"Next: read {self.folder / REPORT}, then run `make repro`"
        return "\n".join([_markdown(self.table), "", *self.findings.counts(), after])


def refuse_again(ids: Sequence[str]) -> None:
    """Raise UserError if one of these subjects has been imported."""
    if again := [name for name in ids if paths.photos_dir(name, "own").exists()]:
        raise UserError(
            f"{paths.OWN_SUBJECTS} holds {', '.join(again)} already: remove these folders, and their lines "
            f"in {paths.PARAMS}, to import the dataset again"
        )


def folders_in(folder: Path) -> Iterator[Path]:
    """The folders in a folder but hidden ones."""
    return (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def copy(files: Sequence[AddedPhoto], folder: Path) -> None:
    """Make the folder with the files as they are."""
    folder.mkdir(parents=True)
    for photo in files:
        shutil.copyfile(photo.path, folder / photo.path.name)


def _markdown(table: Rows) -> str:
    rows = [table[0], ("---",) * len(table[0]), *table[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
