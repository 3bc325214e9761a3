"""`python -m stages.render`: write data/world."""

from stages.core import params, paths
from stages.core.errors import run
from stages.core.io import whole_folder
from stages.render.corpus import write_corpus
from stages.render.general import write_general
from stages.render.subjects import cast, write_subject
from stages.render.together import write_together


def main() -> str:
    """Read params.yaml and draw the world: all of it appears, or none."""
    p = params.load()
    world = p.world
    subjects = {name: entry.model_dump() for name, entry in world.subjects.items()}
    people = cast(subjects, p.seed)
    sizes = {"train": world.train_photos, "test": world.test_photos, "siblings": world.sibling_photos}
    with whole_folder(paths.WORLD) as folder:
        photos, truth, corpus = (
            folder / path.relative_to(paths.WORLD)
            for path in (paths.WORLD_SUBJECTS, paths.WORLD_TRUTH, paths.CORPUS)
        )
        write_corpus(corpus, people, size=world.corpus, look_alikes=world.look_alikes, seed=p.seed)
        for name, individual in people.items():
            write_subject(photos / name, truth / name, name, individual, **sizes, seed=p.seed)
        together, general = truth / paths.WORLD_TOGETHER.name, truth / paths.WORLD_GENERAL.name
        write_together(together, people, subjects, photos=world.together_photos, seed=p.seed)
        write_general(general, photos=world.general_photos, seed=p.seed)
    return f"{len(people)} subjects, a corpus of {world.corpus:,} images"


if __name__ == "__main__":
    run(main)
