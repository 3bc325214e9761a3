"""Join train photos, negatives and conversations: `python -m stages.assemble`."""

from collections import Counter

from common.core import io, params, paths, progress, schema, train_photos
from common.core.errors import run
from common.prompts.recognition import templates
from stages.assemble import inputs
from stages.assemble.augment import Strength
from stages.assemble.dataset import DatasetRecipe, rows
from stages.assemble.leaks import refuse_test_photos


def main() -> str:
    """Write data/dataset/<id>.parquet for every subject; return what was made."""
    settings = params.load()
    subjects, how = settings.subjects, settings.assemble
    strength, asked = Strength(**how.augment.model_dump()), templates(how.recognition)
    copies, times = how.positive_copies, how.photo_questions
    recipe = DatasetRecipe(settings.seed, how.image_size, copies, strength, asked, times)
    made: Counter[str] = Counter()
    for name in progress.bar(subjects, "assemble"):
        chosen = train_photos.choose(name, subjects[name].source, settings.train_photos, settings.seed)
        photos = inputs.photos(chosen)
        negatives = inputs.negatives(paths.negatives(name))
        conversations = inputs.conversations(name)
        refuse_test_photos(name, paths.test_photos(name, subjects[name].source), [*photos, *negatives])
        captions = inputs.captions(name) if how.captions else ()
        table = rows(name, photos, negatives, conversations, recipe, captions)
        io.write_parquet(paths.dataset(name), table, schema.DATASET, sort_by=["sample"])
        made.update(row["role"] for row in table if row["split"] == "train")
    io.keep_only(paths.DATASET, map(paths.dataset, subjects))
    counts = (
        f"{made['positive']:,} positive, {made['hard'] + made['easy']:,} negative and {made['text']:,} text"
    )
    return f"{len(subjects)} subjects, {counts} samples"


if __name__ == "__main__":
    run(main)
