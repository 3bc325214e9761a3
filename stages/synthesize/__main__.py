"""Let the base model talk about every subject's train photos: `python -m stages.synthesize`."""

from common.core import io, log, params, paths, progress, schema
from common.core.errors import run
from common.core.images import list_photos
from common.core.seed import seed_everything


def main() -> str:
    """Write data/conversations/<id>.parquet for every subject; return what was made."""
    settings = params.load()
    subjects = settings.subjects
    photos = {name: list_photos(paths.train_photos(name, subjects[name].source)) for name in subjects}
    human = {name: io.read_note(paths.description(name, subjects[name].source)) for name in subjects}

    from common import vlm  # seconds, which a missing folder need not wait for
    from stages.synthesize.interview import interview, read_photo

    seed_everything(settings.seed, settings.threads)
    with log.phase("load the base model"):
        model = vlm.load(**settings.base.load_kwargs)
    options = {
        "max_new_tokens": settings.synthesize.max_new_tokens,
        "batch_size": settings.base.device.batch_size,
    }
    kept = dropped = 0
    for name in progress.bar(subjects, "synthesize"):
        shown = list(map(read_photo, photos[name]))
        rows = interview(model, name, subjects[name].kind, shown, human=human[name], **options)
        io.write_parquet(paths.conversations(name), rows, schema.CONVERSATIONS, sort_by=["photo", "turn"])
        kept += sum(row["kind"] == "qa" for row in rows)
        dropped += sum(row["kind"] == "dropped" for row in rows)
    io.keep_only(paths.CONVERSATIONS, map(paths.conversations, subjects))
    return f"{len(subjects)} subjects, {kept:,} questions answered, {dropped:,} answers dropped"


if __name__ == "__main__":
    run(main)
