"""`python -m stages.render`: write data/world."""

from stages.core import params, paths
from stages.core.errors import run
from stages.core.io import whole_folder
from stages.render.corpus import write_corpus
from stages.render.subjects import cast, write_subject


def main() -> str:
    """Read params.yaml and draw the world: all of it appears, or none."""
    p = params.load()
    world = p.world
    people = cast({name: entry.model_dump() for name, entry in world.subjects.items()}, p.seed)
    with (
        whole_folder(paths.WORLD_SUBJECTS) as photos,
        whole_folder(paths.WORLD_TRUTH) as truth,
        whole_folder(paths.CORPUS) as corpus,
    ):
        write_corpus(corpus, people, size=world.corpus, look_alikes=world.look_alikes, seed=p.seed)
        for name, individual in people.items():
            write_subject(
                photos / name,
                truth / name,
                name,
                individual,
                train=world.train_photos,
                test=world.test_photos,
                siblings=world.sibling_photos,
                seed=p.seed,
            )
    return f"{len(people)} subjects, a corpus of {world.corpus:,} images"


if __name__ == "__main__":
    run(main)
