"""`python -m stages.retrieve`: write data/negatives/<id>.parquet for every subject."""

from common.core import params, paths, seed, train_photos
from common.core.errors import run
from stages.retrieve.make import Rules, make
from stages.retrieve.photos import SubjectPhotos


def main() -> str:
    """Read params.yaml and retrieve for all subjects."""
    p = params.load()
    seed.seed_everything(p.seed, p.threads)
    subjects = {
        name: SubjectPhotos(
            train_photos.choose(name, one.source, p.train_photos, p.seed),
            (paths.train_photos(name, one.source), paths.test_photos(name, one.source)),
        )
        for name, one in p.subjects.items()
    }
    rules = Rules(**p.retrieve.model_dump())
    return make(subjects, p.base.clip.model, p.base.clip.revision, p.base.device.type, rules, p.seed)


if __name__ == "__main__":
    run(main)
