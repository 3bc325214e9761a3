"""`python -m stages.render`: write data/world."""

from stages.core import params
from stages.core.errors import run
from stages.render.corpus import write_corpus
from stages.render.subjects import cast, write_subject


def main() -> str:
    """Read params.yaml and draw the world."""
    p = params.load()
    world = p.world
    people = cast({name: entry.model_dump() for name, entry in world.subjects.items()}, p.seed)
    for name, individual in people.items():
        write_subject(
            name,
            individual,
            train=world.train_photos,
            test=world.test_photos,
            siblings=world.sibling_photos,
            seed=p.seed,
        )
    images = write_corpus(people, world.corpus, world.look_alikes, p.seed)
    return f"{len(people)} subjects, a corpus of {images:,} images"


if __name__ == "__main__":
    run(main)
