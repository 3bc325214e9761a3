"""What is learned and asked: the pipeline's own data for the small base, the paper's amounts for others."""

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.models import ARCHITECTURES, SMALL
from common.core import errors, params, paths, seed
from common.core.images import list_photos
from common.prompts.interview import questions_for
from common.prompts.prompt_sets import DRAWN, OTHER
from common.prompts.recognition import templates, validation
from common.training import samples
from common.training.samples import Sample, TrainingSet
from stages.evaluate.photos import EvalPhoto, gallery
from stages.synthesize import interview

# Of one subject in the paper: samples by kind. The photos of the subject come first among the images.
POSITIVE, HARD, EASY, TEXT = 67, 115, 99, 40
PHOTOS = 8  # of which half are only validated on, as those of the published conversations
EPOCHS = 15
SUBJECTS, TEST_PHOTOS, TRAIN_PHOTOS = 40, 333, 5
NOISE = Path(".cache/benchmarks")  # pictures of noise that have to be files


@dataclass(frozen=True)
class Work:
    """A whole training: each subject's lesson, and how often its samples are gone through."""

    training_sets: dict[str, TrainingSet]
    epochs: int

    def share(self, one_in: int) -> "Work":
        """A part of each lesson."""
        return replace(
            self,
            training_sets={
                name: share(training_set, one_in) for name, training_set in self.training_sets.items()
            },
        )

    @property
    def pictures(self) -> int:
        """Of all lessons; what several share counts once."""
        return len(next(iter(samples.share_images(self.training_sets).values())).images)

    def first(self) -> tuple[str, TrainingSet]:
        """The subject that is trained alone."""
        return next(iter(self.training_sets.items()))


@cache
def work(model: str, subjects: int, balance: bool = False) -> Work:
    """The training work for a model, for that many subjects; the published loop does not balance."""
    settings = params.load()
    if model != SMALL:
        return Work({name: papers(name, _side(model)) for name in names(subjects)}, EPOCHS)
    chosen = list(settings.subjects)[:subjects]
    missing = [name for name in chosen if not paths.dataset(name).is_file()]
    if missing:
        raise errors.UserError(f"{paths.dataset(missing[0])} is missing: run `make repro` first")
    data = settings.train.data.model_dump()
    training_sets = {
        name: TrainingSet.of(samples.read_rows(paths.dataset(name), **data), balance) for name in chosen
    }
    return Work(training_sets, settings.train.epochs)


def papers(subject: str, side: int) -> TrainingSet:
    """A lesson of the paper's size about pictures of noise.

    The easy negatives are the same for all subjects, as published.
    """
    token = f"<{subject}>"
    images = [*noise(PHOTOS + HARD, side, subject), *noise(EASY, side, "easy")]

    def recognition(number: int, image: int, label: bool) -> Sample:
        template = templates(DRAWN)[number % len(templates(DRAWN))]
        answer = template.yes if label else template.no
        return Sample(template.question.format(name=token), answer.format(name=token), image, label)

    shown = PHOTOS // 2
    training = [recognition(number, number % shown, True) for number in range(POSITIVE)]
    training += [recognition(number, PHOTOS + number, False) for number in range(HARD + EASY)]
    questions = questions_for(OTHER, DRAWN)
    for number in range(TEXT):
        question = questions[number % len(questions)].text.format(name=token)
        training.append(Sample(question, f"{token} is yellow with a striped pattern.", None, None))
    asked = validation()
    question = asked.question.format(name=token)
    validation_samples = [
        Sample(question, asked.yes if image < PHOTOS else asked.no, image, image < PHOTOS)
        for image in range(len(images))
    ]
    return TrainingSet(images, training, validation_samples, validation_samples)


def share(training_set: TrainingSet, one_in: int) -> TrainingSet:
    """Every so many-th sample of a lesson, of all kinds therefore, and the images that these show."""
    training, validation = training_set.training[::one_in], training_set.validation[::one_in]
    images = sorted({sample.image for sample in (*training, *validation) if sample.image is not None})
    place: dict[int | None, int | None] = {image: at for at, image in enumerate(images)} | {None: None}
    training, validation = (
        [replace(sample, image=place[sample.image]) for sample in samples]
        for samples in (training, validation)
    )
    return TrainingSet([training_set.images[image] for image in images], training, validation, validation)


@cache
def eval_set(model: str, photos: int) -> tuple[list[str], list[EvalPhoto], int]:
    """Subjects, so many photos out of the whole test's, evenly chosen, and how many the whole test has."""
    if model != SMALL:
        shown = []
        for number, picture in enumerate(noise(photos, _side(model), "test")):
            path = NOISE / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
            shown.append(EvalPhoto("s0", "test", path, ""))
        return names(SUBJECTS), shown, TEST_PHOTOS
    subjects = {name: subject.source for name, subject in params.load().subjects.items()}
    test = [photo for photo in gallery(subjects).values() if photo.group == "test"]
    if not test:
        raise errors.UserError("there are no test photos: run `make repro` first")
    return list(subjects), test[:: math.ceil(len(test) / photos)], len(test)


@cache
def interviewed(model: str) -> tuple[str, str, list[interview.TrainPhoto]]:
    """A subject, its kind and its train photos."""
    if model != SMALL:
        pictures = noise(TRAIN_PHOTOS, _side(model), "train")
        return "s0", "pet", [interview.TrainPhoto(f"{at}.png", "", each) for at, each in enumerate(pictures)]
    subject, settings = next(iter(params.load().subjects.items()))
    folder = paths.train_photos(subject, settings.source)
    if not folder.is_dir():
        raise errors.UserError(f"{folder} is missing: run `make repro` first")
    return subject, settings.kind, [interview.read_photo(path) for path in list_photos(folder)]


def names(subjects: int) -> list[str]:
    """Subjects of which there may be any number."""
    return [f"s{number}" for number in range(subjects)]


def _side(model: str) -> int:
    """Pixels of a picture of noise that the model takes as it is."""
    return ARCHITECTURES[model].image_size


def noise(count: int, side: int, *names: str) -> list[Image.Image]:
    """Pictures of noise; other names, other pictures."""
    pixels = seed.stream(0, "benchmark", *names).integers(0, 255, (count, side, side, 3), np.uint8)
    return [Image.fromarray(picture) for picture in pixels]
