"""Let the base model talk about every subject's train photos: `python -m stages.synthesize`."""

from common.core import log, params, train_photos
from common.core.errors import run
from common.core.seed import seed_everything


def main() -> str:
    """Write data/conversations/<id>.parquet for every subject; return what was made."""
    p = params.load()
    photos = {
        name: train_photos.choose(name, one.source, p.train_photos, p.seed)
        for name, one in p.subjects.items()
    }

    from common import vlm  # seconds, which a missing folder need not wait for
    from stages.synthesize.make import InterviewSubject, make

    subjects = {
        name: InterviewSubject.read(name, one, photos[name], p.synthesize.questions)
        for name, one in p.subjects.items()
    }
    seed_everything(p.seed, p.threads)
    with log.phase("load the base model"):
        model = vlm.load(**p.base.load_kwargs)
    return make(
        model,
        subjects,
        questions=p.synthesize.questions,
        summary=p.synthesize.summary,
        max_new_tokens=p.synthesize.max_new_tokens,
        batch_size=p.base.device.batch_size,
    )


if __name__ == "__main__":
    run(main)
