"""Let the base model talk about every subject's train photos: `python -m stages.synthesize`."""

import sys

from common.core import io, log, params, paths, progress, schema
from common.core.errors import run
from common.core.images import list_photos
from common.core.seed import seed_everything


def main() -> str:
    """Write data/conversations/<id>.parquet for every subject; return what was made."""
    p = params.load()
    photos = {name: list_photos(paths.train_photos(name, p.subjects[name].source)) for name in p.subjects}

    from common import vlm  # seconds, which a missing folder need not wait for
    from stages.synthesize.interview import doubtful, interview, read_photo
    from stages.synthesize.people import Told

    told = {name: Told.read(name, subject.source) for name, subject in p.subjects.items()}
    seed_everything(p.seed, p.threads)
    with log.phase("load the base model"):
        model = vlm.load(**p.base.load_kwargs)
    options = {"max_new_tokens": p.synthesize.max_new_tokens, "batch_size": p.base.device.batch_size}
    kept = dropped = 0
    for name, subject in progress.bar(p.subjects.items(), "synthesize"):
        rows = interview(
            model, name, subject.kind, [read_photo(photo) for photo in photos[name]], told[name], **options
        )
        io.write_parquet(paths.conversations(name), rows, schema.CONVERSATIONS, sort_by=["photo", "turn"])
        if warning := doubtful(name, subject.kind, rows):
            print(f"warning: {warning}", file=sys.stderr)
        kept += sum(row["kind"] == "qa" for row in rows)
        dropped += sum(row["kind"] == "dropped" for row in rows)
    io.keep_only(paths.CONVERSATIONS, map(paths.conversations, p.subjects))
    return f"{len(p.subjects)} subjects, {kept:,} questions answered, {dropped:,} answers dropped"


if __name__ == "__main__":
    run(main)
