"""Yo'LLaVA's training JSONs: ``{image path: [{"Human": question, "AI": answer}, …]}``, one file per role.

Two naming schemes are public: the files that its train.py reads, and those of its example folder. Both are
written with images, and both are read. Known, not assumed: image paths are relative to the folder that
train.py is run in; its validation takes an image whose path contains ``laion`` or ``random-imgs`` for a
negative, so the folders of images are named so; a text-only question hangs on an image, which is opened and
not shown.

Assumed: files of roles that are empty may be missing; conversation.json, complex_reasoning.json and
detail_description.json, which train.py reads and which were never published, have the same form and are about
the subject's photos. What is learned with a photo and is no recognition is written to the first.
Lost on the way: templates, scores, URLs and augmentations, for which the format has no place.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field

from commands.convert import conversations, files
from commands.convert.job import Job
from common.core import foreign, io, names, paths, schema
from common.core.errors import UserError
from common.core.io import Row
from common.prompts.recognition import validation

ABOUT = '{"image path": [{"Human": "question", "AI": "answer"}]} is expected'
IMAGES = {"positive": "positive", "hard": "laion", "easy": "random-imgs"}  # role → folder
LABELS = {"positive": "yes", "hard": "no", "easy": "no"}


TALK = ("conversation", "complex_reasoning", "detail_description")  # files that ask with the photo


class Scheme(NamedTuple):
    """A folder and, by role, the names of its files."""

    folder: str
    names: dict[str, str]


LOADER = Scheme(
    "training-data",
    {
        "positive": "positive_recognition",
        "hard": "negative_recognition-laion",
        "easy": "negative_recognition-random-imgs",
        "text": "text-only-conversation",
    },
)
EXAMPLE = Scheme(
    "example_training_data",
    {
        "positive": "recognition_positive",
        "hard": "recognition_negative-laion",
        "easy": "recognition_negative-cc12m",
        "text": "text-only-conversation",
    },
)


class PublishedTurn(BaseModel):
    """One question and its answer."""

    question: str = Field(alias="Human")
    answer: str = Field(alias="AI")


def write(scheme: Scheme, job: Job) -> str:
    """Write ``<path>/<folder>/<id>`` from the training rows of data/dataset/<id>.parquet."""
    folder = job.path / scheme.folder / job.subject
    files.refuse_existing(folder)
    rows = io.read_parquet(paths.dataset(job.subject), schema.DATASET).to_pylist()
    training = [row for row in rows if row["split"] == "train"]
    shown = {row["source"]: row for row in training if row["role"] == "positive" and row["augment"] == "none"}
    by_photo = {Path(source).name: row for source, row in shown.items()}
    turns: dict[str, dict[str, list[dict[str, str]]]] = {name: {} for name in (*scheme.names, TALK[0])}
    with io.whole_folder(folder) as made:
        for row in training:
            # any photo does for a text-only question whose own is not known: it is not shown
            image = row if row["image"] else by_photo.get(row["source"], next(iter(by_photo.values())))
            place = Path(IMAGES[image["role"]]) / files.picture_name(image)
            if not (made / place).exists():
                (made / place).parent.mkdir(exist_ok=True)
                (made / place).write_bytes(image["image"]["bytes"])
            key = f"./{scheme.folder}/{job.subject}/{place.as_posix()}"
            name = TALK[0] if row["image"] and row["task"] == "conversation" else row["role"]
            turns[name].setdefault(key, []).append({"Human": row["question"], "AI": row["answer"]})
        for name, entries in turns.items():
            if entries:
                io.write_json(made / f"{scheme.names.get(name, name)}.json", entries)
    counts = {name: _count(entries) for name, entries in turns.items()}
    return f"{folder}: " + ", ".join(f"{n} {name}" for name, n in counts.items() if n or name != TALK[0])


def read(scheme: Scheme, job: Job) -> str:
    """Make data/dataset/<id>.parquet of the JSONs, and its text-only questions those of data/conversations.

    As in the original, every image is validated on once, with the original's question.

    Raises UserError if the positives, all negatives or an image is missing, an image's name leads out of the
    folder, a text names somebody else, or no question names ``<id>``.
    """
    samples = [row for name in (*scheme.names, *TALK) for row in _training(scheme, job, name)]
    training = [row for row in samples if conversations.legible(row["question"], row["answer"])]
    folder = job.path / scheme.folder / job.subject
    if not {"yes", "no"} <= {row["label"] for row in training}:
        raise UserError(
            f"{folder} needs {scheme.names['positive']}.json and {scheme.names['hard']}.json or "
            f"{scheme.names['easy']}.json: put them there"
        )
    if not any(job.token in row["question"] for row in training):
        raise UserError(f"no question in {folder} names {job.token}: use the id that they name")
    texts = [row for row in training if row["role"] == "text"]
    spoken = [
        conversations.ConversationTurn("qa", row["source"], row["question"], row["answer"]) for row in texts
    ]
    if spoken:
        conversations.replace(job.subject, spoken, job.photos)
    rows = [
        row | {"sample": number} for number, row in enumerate([*training, *_validation(job.token, training)])
    ]
    io.write_parquet(paths.dataset(job.subject), rows, schema.DATASET, sort_by=["sample"])
    return (
        f"{len(training)} samples read, {len(spoken)} of them without an image"
        f"{conversations.left_out(len(samples) - len(training))} "
        f"({files.kept_by('assemble synthesize')})"
    )


def _training(scheme: Scheme, job: Job, name: str) -> Iterator[Row]:
    """The rows of one file, of a role or of `TALK`; none if it is missing."""
    path = job.path / scheme.folder / job.subject / f"{scheme.names.get(name, name)}.json"
    role = "positive" if name in TALK else name
    if not path.exists():
        return
    for key, turns in foreign.read(path, dict[str, list[PublishedTurn]], ABOUT).items():
        place = foreign.inside(job.path, key)
        image = _text(place) if role == "text" else _image(place, role)
        for turn in turns:
            said = {name: names.about(job.subject, text) for name, text in turn.model_dump().items()}
            said |= {"role": role, "split": "train"}
            if name in TALK:
                said |= {"task": "conversation", "label": None}
            yield dict.fromkeys(schema.DATASET.names) | image | said


def _image(path: Path, role: str) -> Row:
    data = files.picture(path)
    sha256 = io.sha256_bytes(data)
    return {
        "task": "recognition",
        "image": {"bytes": data, "path": path.name},
        "image_sha256": sha256,
        "label": LABELS[role],
        "source": path.as_posix(),
        "source_sha256": sha256,
        "augment": "none",
    }


def _text(path: Path) -> Row:
    """Without its image, which the published files name but do not bring."""
    sha256 = io.sha256_file(path) if path.is_file() else None
    return {"task": "conversation", "source": path.name, "source_sha256": sha256}


def _validation(token: str, training: list[Row]) -> Iterator[Row]:
    pictures = {row["source"]: row for row in training if row["label"]}
    for row in pictures.values():
        answer = {"question": validation().question.format(name=token), "answer": row["label"].title()}
        yield row | answer | {"split": "validation"}


def _count(entries: dict[str, list]) -> int:
    return sum(map(len, entries.values()))
