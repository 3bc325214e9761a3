"""Reading all of the dataset: which concepts can be imported, their split, and what is wrong."""

import io as memory
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from commands.add import pictures
from commands.add.myvlm.captions import LOST, MALFORMED, NAMELESS, NONE, Captions
from commands.add.pictures import AddedPhoto
from commands.add.published import dataset, photos
from commands.add.published.dataset import PublishedDataset, PublishedSubject
from commands.add.published.findings import DUPLICATES, LEFT_OUT, NEAR, OF_TWO, UNREADABLE, Findings
from commands.add.published.photos import Photos
from common.core import images, io, myvlm_json, paths
from common.core.errors import UserError
from common.core.subject_params import SubjectId

FOLDER = paths.DATA / "myvlm"
TRAIN = 4  # photos that MyVLM learns from
PETS = ("billy_dog", "maeve_dog", "my_cat")
COLUMNS = ("subject", "kind", "train", "test", "captions", "photos without one")
CAUSES = {  # cause → what was done about it
    UNREADABLE: "left out",
    DUPLICATES: "each kept once",
    OF_TWO: "left out of the second",
    NEAR: "kept, for they are two photos",
    LOST: "left out",
    NONE: "kept, in the test before all others",
    NAMELESS: "kept, though MyVLM does not learn from them",
    MALFORMED: "left out",
    LEFT_OUT: "not imported",
}
NOTE = (
    "The seed {number} of params.yaml drew the {count} photos of each subject that are learned from. Which "
    "ones the published heads and vectors learned from is not published: to these some test photos are known."
)


@dataclass(frozen=True)
class Concept(PublishedSubject):
    """One subject, not yet copied, with the captions of the photos that remain."""

    learned: Mapping[str, Sequence[str]]
    compared: Mapping[str, Sequence[str]]

    def place(self, folder: Path, ours: Path) -> None:
        """See PublishedSubject."""
        super().place(folder, ours)
        out = memory.StringIO()
        YAML(typ="safe").dump({"captions": dict(self.learned)}, out)
        io.write_bytes(folder / "facts.yaml", out.getvalue().encode())
        io.write_json(folder / "truth" / myvlm_json.CAPTIONS, dict(self.compared))


def read(folder: Path, number: int) -> PublishedDataset:
    """Read and judge the whole dataset in `folder`, and split it by the seed `number`.

    Raises UserError when it is not there or was imported, or a file of captions is of another form.
    """
    root = _root(folder)
    ids = {concept: f"{paths.MYVLM_PREFIX}{_spelled(concept.name)}" for concept in _concepts(root)}
    dataset.refuse_again(list(ids.values()))
    findings = Findings(CAUSES)
    others = {photo.pixels: photo for photo in pictures.of_other_subjects()}
    read = [_concept(concept, name, others, number, findings) for concept, name in ids.items()]
    subjects = [subject for subject in read if subject]
    if not subjects:
        raise UserError(f"{root} holds no subject that can be imported ({'; '.join(findings[LEFT_OUT])})")
    table = [COLUMNS, *map(_row, subjects)]
    notes = [NOTE.format(number=number, count=TRAIN)]
    return PublishedDataset("MyVLM", FOLDER, subjects, table, notes, findings)


def _concept(
    folder: Path, name: str, others: dict[str, AddedPhoto], number: int, findings: Findings
) -> Concept | None:
    """One subject; None, and a finding, if it cannot be imported. `others` as of `without_others`."""
    try:
        TypeAdapter(SubjectId).validate_python(name)
    except ValidationError:
        findings[LEFT_OUT].append(f"{folder} has a name of which no id can be made: rename it, as in my_cat")
        return None
    files = [path for path in images.list_photos(folder) if path.suffix.lower() != ".json"]
    captions = Captions.read(folder, name, {path.name for path in files}, findings)
    kept = photos.distinct(files, folder.name, findings, lambda photo: photo.path.name in captions.learned)
    kept = photos.without_others(kept, others, findings)
    own = _split(kept, captions, number)
    if own.too_few():
        findings[LEFT_OUT].append(f"{folder.name} has too few photos, {len(kept)}")
        return None
    others.update((photo.pixels, photo) for photo in own.all())
    photos.note_near(own, findings)
    learned, compared = captions.of(own)
    kind = "pet" if folder.name in PETS else "object"
    return Concept(name, kind, own, learned, compared)


def _split(kept: Sequence[AddedPhoto], captions: Captions, number: int) -> Photos:
    """Draw what is learned from, of photos with captions as long as there are some; one is left to test."""
    order = pictures.drawn(kept, number)
    order.sort(key=lambda photo: photo.path.name not in captions.learned)
    count = max(min(TRAIN, len(order) - 1), 0)
    return Photos(photos.by_path(order[:count]), photos.by_path(order[count:]))


def _root(folder: Path) -> Path:
    """The folder with the concepts: the one named, or one in it."""
    inside = sorted(dataset.folders_in(folder)) if folder.is_dir() else []
    for root in (folder, *inside):
        if root.is_dir() and _concepts(root):
            return root
    raise UserError(
        f"{folder} holds no folder with {myvlm_json.CAPTIONS}: name the folder of the published concepts"
    )


def _concepts(root: Path) -> list[Path]:
    """The folders of concepts: all, if one of them has captions."""
    folders = sorted(dataset.folders_in(root))
    named = (myvlm_json.CAPTIONS, myvlm_json.AUGMENTED)
    return folders if any((path / name).is_file() for path in folders for name in named) else []


def _spelled(concept: str) -> str:
    """A folder's name as ids are spelled."""
    return concept.lower().replace("_", "-")


def _row(subject: Concept) -> tuple[str, ...]:
    written = [*subject.learned.values(), *subject.compared.values()]
    own = subject.photos
    return (
        subject.id,
        subject.kind,
        str(len(own.train)),
        str(len(own.test)),
        str(sum(map(len, written))),
        str(len(own.all()) - len(written)),
    )
