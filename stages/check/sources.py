"""Do the folders and models that params.yaml names exist, and nothing of subjects and methods it had before?

Only what is certain without the network: a hub id is taken as it is, and what render makes may not exist yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from common.core import io, paths
from common.core.errors import UserError, shown
from common.core.models import problem
from common.prompts.prompt_sets import choose, prompt_sets
from common.testdata import general_vqa, ground_truth, vqa


def missing_sources(models: Mapping[str, tuple[str, str | None]], locations: Mapping[str, str]) -> list[str]:
    """One sentence per name in params.yaml that leads nowhere, or to a hub model without its commit.

    `models` maps a section of params.base to the name that stands there and its revision, `locations` any key
    to the file or folder that stands there.
    """
    problems = [sentence for key, named in models.items() if (sentence := problem(f"base.{key}", *named))]
    problems += [
        f"{paths.PARAMS}: {key} is {location}, which is missing: mend the name"
        for key, location in locations.items()
        if not Path(location).exists() and not Path(location).is_relative_to(paths.WORLD)
    ]
    return problems


def unreadable(general: str, two_subjects: str) -> list[str]:
    """The mistakes in the user's own test files, if there are such: known before hours of computing."""
    readers = {
        general: (general_vqa.load_general_vqa, vqa.load_vqa),
        two_subjects: (ground_truth.load_two_subjects,),
    }
    problems = []
    for place, loads in readers.items():
        if Path(place).is_relative_to(paths.WORLD) or not Path(place).exists():
            continue  # render makes it, or `missing_sources` has said so
        for load in loads:
            try:
                load(Path(place))
            except UserError as error:
                problems.append(str(error))
    return problems


def drawn_negatives(own: Sequence[str], location: str) -> str | None:
    """One sentence if own photos are to be told from drawings alone, which teaches little about photos."""
    if not own or not Path(location).is_relative_to(paths.WORLD):
        return None
    return (
        f"negatives of {', '.join(own)} are drawings, so that photos of anything else may be taken for them: "
        "set index.source to folder and index.location to one with photos of other things"
    )


def unknown_prompts(questions: str, recognition: str) -> list[str]:
    """The mistakes in prompts.yaml, else what is wrong with the names of the sets that are used of it."""
    problems = []
    try:
        sets = prompt_sets()
        choose(sets.questions, questions, "synthesize.questions")
        choose(sets.recognition, recognition, "assemble.recognition")
    except UserError as error:
        problems.append(str(error))
    return problems


def unnoticed(places: Mapping[str, object]) -> list[str]:
    """One sentence per file or folder of this machine that a stage reads and no `deps` in dvc.yaml can name.

    `places` maps any key to what stands there, which may be something else, as the id of a hub model.
    """
    return [
        f"{paths.PARAMS}: {key} is {shown(place)}, which DVC does not hash: after a change in it run "
        "`dvc repro --force`"
        for key, place in places.items()
        if isinstance(place, str) and "/" in place and Path(place).exists() and not _is_hashed(Path(place))
    ]


def _is_hashed(place: Path) -> bool:
    return any(place.is_relative_to(folder) for folder in (paths.BASE, paths.PHOTOGRAPHS, paths.WORLD))


def remains(subjects: Iterable[str], methods: Iterable[str]) -> list[str]:
    """One sentence per folder that holds results of a removed subject or method; later stages refuse them."""
    subjects, methods = list(subjects), list(methods)
    made = (
        [*map(paths.subject_model, subjects), *map(paths.train_curve, subjects)],
        [paths.fitted(method) for method in methods],
        [paths.predictions(method, "").parent for method in (paths.SOFT_PROMPT, *methods)],
    )
    problems = []
    for wanted in made:
        try:
            io.refuse_strays(wanted)
        except UserError as error:
            problems.append(str(error))
    return problems
