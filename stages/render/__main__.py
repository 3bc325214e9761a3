"""`python -m stages.render`: write data/world."""

from common.core import params, paths
from common.core.errors import run
from common.core.io import whole_folder
from stages.render.corpus import write_corpus
from stages.render.general_vqa import write_general_vqa
from stages.render.subjects import cast, write_subject
from stages.render.two_subjects import write_two_subjects


def main() -> str:
    """Read params.yaml and draw the world: all of it appears, or none."""
    p = params.load()
    world = p.world
    subjects = {name: entry.model_dump() for name, entry in world.subjects.items()}
    people = cast(subjects, p.seed)
    sizes = {"train": world.train_photos, "test": world.test_photos, "lookalikes": world.lookalike_photos}
    with whole_folder(paths.WORLD) as folder:
        photos, truth, corpus = (
            folder / path.relative_to(paths.WORLD)
            for path in (paths.WORLD_SUBJECTS, paths.WORLD_TRUTH, paths.CORPUS)
        )
        write_corpus(
            corpus, people, size=world.corpus, corpus_lookalikes=world.corpus_lookalikes, seed=p.seed
        )
        for name, individual in people.items():
            write_subject(photos / name, truth / name, name, individual, **sizes, seed=p.seed)
        of_pairs, general = truth / paths.WORLD_TWO_SUBJECTS.name, truth / paths.WORLD_GENERAL.name
        write_two_subjects(of_pairs, people, subjects, photos=world.two_subject_photos, seed=p.seed)
        write_general_vqa(general, photos=world.general_photos, seed=p.seed)
    return f"{len(people)} subjects, a corpus of {world.corpus:,} images"


if __name__ == "__main__":
    run(main)
