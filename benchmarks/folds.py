"""python -m benchmarks.folds METHOD: MyVLM's protocol, learned from other photos in each of five folds.

The photos of a subject's two folders are one pool. In each fold a seed draws `PHOTOS` of them, from which all
that the method has of a subject is learned, heads and vectors alike; it is asked about the rest of the pool,
and about what the others keep. What people wrote of photos, in facts.yaml and truth/captions.json as of
MyVLM's dataset, is learned as it is; of photos without captions the base is interviewed. METHOD is a section
under `methods`. Needs what `retrieve` makes. Writes reports/folds/METHOD.json: each measure's mean over
subjects by fold, and over the folds.
"""

import contextlib
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.captions_similarity import names
from common import methods, vlm
from common.clip import Clip
from common.core import errors, facts, images, io, params, paths, schema, seed
from common.methods.interface import Backbones, MethodSubject, Request, Responder, Task
from common.prompts.captions import DESCRIBE, NAMING
from common.prompts.evaluation import parse, recognition_question
from common.prompts.recognition import templates
from common.testdata import ground_truth
from stages.assemble import dataset, inputs
from stages.assemble.augment import Strength
from stages.synthesize.interview import descriptions, interview, read_photo
from stages.synthesize.people import Row, Told, TrainPhoto

FOLDS = 5
PHOTOS = 4  # learned from, as in MyVLM
WORD = 8  # new tokens of an answer that is Yes or No
MEASURES = ("hits", "false_alarms", "recall_named", "recall_unnamed")


class Subject(NamedTuple):
    """A subject, all its photos, what people wrote of each, and its negatives."""

    about: MethodSubject
    photos: list[Path]
    captions: dict[Path, Sequence[str]]
    negatives: list[dataset.SourceImage]


def main(name: str) -> str:
    """Learn and ask in every fold, and write what was measured."""
    p = params.load()
    seed.seed_everything(p.seed, p.threads)
    base = vlm.load(**p.base.load_kwargs)
    clip = Clip(p.base.clip.model, p.base.clip.revision, p.base.device.type)
    subjects = [read(p, subject) for subject in p.subjects]
    folds = []
    for number in range(FOLDS):
        backbones = Backbones(lambda: base, lambda: clip, number, p.base.device.batch_size)
        with _scratch():
            method = methods.prepare(name, p.methods, backbones)
            kept = {one.about.id: learn_from(p, base, one, number) for one in subjects}
            method.fit([one.about for one in subjects])
            folds.append(measure(method, name, kept, p.evaluate.max_new_tokens))
    means = {key: round(statistics.mean(fold[key] for fold in folds), 4) for key in MEASURES}
    path = paths.REPORTS / "folds" / f"{name}.json"
    io.write_json(path, {"photos": PHOTOS, "folds": folds, "mean": means})
    return f"{path}: " + ", ".join(f"{key} {value:.2f}" for key, value in means.items())


def read(p: params.Params, subject: str) -> Subject:
    """All of one subject; raises UserError if its photos are too few."""
    entry = p.subjects[subject]
    written = {
        paths.train_photos(subject, entry.source): facts.read(
            paths.facts(subject, entry.source), subject
        ).captions,
        paths.test_photos(subject, entry.source): ground_truth.load_captions(subject, entry.source),
    }
    photos = [path.resolve() for folder in written for path in images.list_photos(folder)]
    captions = {
        (folder / name).resolve(): texts for folder, known in written.items() for name, texts in known.items()
    }
    if len(photos) <= PHOTOS:
        raise errors.UserError(
            f"{subject} has {len(photos)} photos, and a fold learns from {PHOTOS} and asks about others: "
            "add more"
        )
    negatives = inputs.negatives(paths.negatives(subject).resolve())
    about = MethodSubject(subject, entry.kind, entry.noun)
    return Subject(about, photos, captions, negatives)


def learn_from(p: params.Params, base: vlm.Base, subject: Subject, number: int) -> list[Path]:
    """Write the tables of a fold's photos; return the photos that it does not learn from."""
    lots = {photo: seed.stream(number, "folds", io.sha256_file(photo)).random() for photo in subject.photos}
    drawn = sorted(subject.photos, key=lots.__getitem__)
    photos = {path: read_photo(path) for path in drawn[:PHOTOS]}
    spoken = said_of(p, base, subject, photos)
    pictures = [
        dataset.SourceImage("positive", photo.image, photo.name, photo.sha256) for photo in photos.values()
    ]
    how = p.assemble
    recipe = dataset.DatasetRecipe(
        p.seed,
        how.image_size,
        how.positive_copies,
        Strength(**how.augment.model_dump()),
        templates(how.recognition),
    )
    talk = [row for row in spoken if row["kind"] == "qa"]
    rows = dataset.rows(subject.about.id, pictures, subject.negatives, talk, recipe)
    io.write_parquet(subject.about.dataset, rows, schema.DATASET, ["sample"])
    spoken = [dict.fromkeys(schema.CONVERSATIONS.names) | row for row in spoken]
    io.write_parquet(subject.about.conversations, spoken, schema.CONVERSATIONS, ["photo", "turn"])
    return drawn[PHOTOS:]


def said_of(
    p: params.Params, base: vlm.Base, subject: Subject, photos: Mapping[Path, TrainPhoto]
) -> list[Row]:
    """Rows of CONVERSATIONS: captions by people, and interviews about the photos that have none."""
    name, kind = subject.about.id, subject.about.kind
    rows: list[Row] = []
    for path, photo in photos.items():
        told = facts.Facts(captions={photo.name: tuple(subject.captions.get(path, ()))})
        rows += Told(None, told).rows(f"<{name}>", [photo])
    untold = [photo for path, photo in photos.items() if not subject.captions.get(path)]
    if not untold:
        return rows + descriptions(f"<{name}>", kind, rows, None)
    return rows + interview(
        base,
        name,
        kind,
        untold,
        questions=p.synthesize.questions,
        max_new_tokens=p.synthesize.max_new_tokens,
        batch_size=p.base.device.batch_size,
    )


def measure(
    method: Responder, name: str, kept: Mapping[str, Sequence[Path]], max_new_tokens: int
) -> dict[str, float]:
    """Means over subjects: shares of own photos recognized, of others', and of captions with the name."""
    photos = {str(photo): photo for own in kept.values() for photo in own}
    ask = partial(Request, Task("recognition", WORD), name)
    told = partial(Request, Task("caption", max_new_tokens), name)
    shares: dict[str, list[float]] = {key: [] for key in MEASURES}
    for subject in kept:
        own = [str(photo) for photo in kept[subject]]
        asked = [ask((subject,), key, recognition_question(subject)) for key in photos]
        prompts = (NAMING.format(name=f"<{subject}>"), DESCRIBE)
        asked += [told((subject,), key, prompt) for prompt in prompts for key in own]
        said = [answer.text for answer in method.answers(photos, asked)]
        yes = {key: parse(text, ("Yes", "No")) == "Yes" for key, text in zip(photos, said, strict=False)}
        captions = [names(text, f"<{subject}>") for text in said[len(photos) :]]
        shares["hits"].append(statistics.mean(yes[key] for key in own))
        others = [yes[key] for key in photos if key not in own]
        if others:
            shares["false_alarms"].append(statistics.mean(others))
        shares["recall_named"].append(statistics.mean(captions[: len(own)]))
        shares["recall_unnamed"].append(statistics.mean(captions[len(own) :]))
    return {key: round(statistics.mean(values or [0.0]), 4) for key, values in shares.items()}


@contextlib.contextmanager
def _scratch() -> Iterator[None]:
    """An empty folder as the current one, so that the pipeline's data and models are left alone."""
    with tempfile.TemporaryDirectory() as made, contextlib.chdir(made):
        yield


if __name__ == "__main__":
    errors.run(main)
