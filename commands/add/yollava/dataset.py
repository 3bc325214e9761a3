"""Reading all of the dataset: which subjects can be imported, and what is wrong."""

from pathlib import Path

from commands.add import pictures
from commands.add.published import dataset
from commands.add.published.dataset import PublishedDataset
from commands.add.published.findings import LEFT_OUT, Findings
from commands.add.yollava import negatives, photos, questions, report
from commands.add.yollava.causes import CAUSES
from commands.add.yollava.dataset_subject import CORPUS, DatasetSubject
from commands.add.yollava.subjects import KIND, subject_id
from common.core import paths
from common.core.errors import UserError
from common.testdata.ground_truth import Questions

FOLDER = paths.DATA / "yollava"


def read(folder: Path, negatives_each: int | None = None) -> PublishedDataset:
    """Read and judge the whole dataset in `folder`, with so many hard negatives per subject, or all.

    Raises UserError when it is not there or was imported.
    """
    root = _root(folder)
    names = sorted({path.name for split in ("train", "test") for path in dataset.folders_in(root / split)})
    dataset.refuse_again([subject_id(name) for name in names])
    findings = Findings(CAUSES)
    visual, text = questions.load(root, findings)
    others = {photo.pixels: photo for photo in pictures.of_other_subjects()}
    subjects = []
    for name in names:
        if name not in KIND:
            findings[LEFT_OUT].append(f"{name} is none of the forty, so that nobody knows its kind")
            continue
        asked = {Path(path).name for path in visual.get(name, {})}
        own = photos.read(root, name, asked, others, findings)
        if short := own.too_few():
            findings[LEFT_OUT].append(f"{name} has too few photos in {' and '.join(short)}")
            continue
        tested = {photo.path.name for photo in own.test}
        about = Questions(
            visual=questions.visual(name, visual.get(name, {}), tested, findings),
            text=questions.text(name, text.get(name, {}), findings),
        )
        hard = negatives.read(root, name, own.all(), findings, negatives_each)
        subjects.append(DatasetSubject(subject_id(name), KIND[name], own, name, about, hard))
    if not subjects:
        raise UserError(f"{root} holds no subject that can be imported ({'; '.join(findings[LEFT_OUT])})")
    _note_missing(subjects, visual, text, findings)
    notes = report.notes(subjects, FOLDER / CORPUS)
    return PublishedDataset("Yo'LLaVA", FOLDER, subjects, report.table(subjects), notes, findings)


def _root(folder: Path) -> Path:
    """The folder with train/ and test/: the one named, or yollava-data in it."""
    for root in (folder, folder / "yollava-data"):
        if (root / "train").is_dir() and (root / "test").is_dir():
            return root
    raise UserError(
        f"{folder} holds no train/ and test/: name the folder yollava-data of the published dataset"
    )


def _note_missing(
    subjects: list[DatasetSubject],
    visual: questions.QuestionRows,
    text: questions.QuestionRows,
    findings: Findings,
) -> None:
    """Subjects without questions, and questions without their subject."""
    for subject in subjects:
        if not subject.questions.visual:
            findings["Missing questions"].append(f"{subject.name} has no question about its photos")
        if not subject.questions.text:
            findings["Missing questions"].append(f"{subject.name} has no question in text")
    imported = {subject.name for subject in subjects}
    for name in sorted({*visual, *text} - imported):
        findings["Questions without their photo or subject"].append(
            f"{name}: all its questions, for it is not imported"
        )
