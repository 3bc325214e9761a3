"""LLaVA's conversation JSON: ``[{id, image (optional), conversations: [{from: human | gpt, value}, …]}, …]``.

Written from the dataset, one item per training row, for a LoRA to learn the same from; ``image`` is relative
to the folder of the JSON file (LLaVA's image_folder), and the first question begins with ``<image>`` and a
newline.

Read as talk about the subject without a photo in view, which is what the pipeline trains on: items without an
image, and items about one of the subject's train photos (by file name). Other items, such as recognition, are
counted and left: whether they show the subject is not in the format, and assemble makes such questions
itself.
"""

from pathlib import Path

from commands.convert import conversations, files
from commands.convert.job import Job
from common.core import io, llava_json, paths, schema
from common.core.errors import UserError


def write(job: Job) -> str:
    """Write the JSON file and its images from the training rows of data/dataset/<id>.parquet."""
    folder = job.path.with_suffix("")
    if folder == job.path:
        raise UserError(f"{job.path} has no suffix: name a JSON file, such as {job.path}.json")
    files.refuse_existing(job.path, folder)
    rows = io.read_parquet(paths.dataset(job.subject), schema.DATASET).to_pylist()
    items = []
    with io.whole_folder(folder) as made:
        for row in rows:
            if row["split"] != "train":
                continue
            question, image = row["question"], {}
            if row["image"]:
                name = files.picture_name(row)
                (made / name).write_bytes(row["image"]["bytes"])
                question, image = f"{llava_json.IMAGE}\n{question}", {"image": f"{folder.name}/{name}"}
            said = [{"from": "human", "value": question}, {"from": "gpt", "value": row["answer"]}]
            items.append({"id": f"{job.subject}-{row['sample']}", "conversations": said, **image})
    io.write_json(job.path, items)
    shown = sum("image" in item for item in items)
    return f"{job.path}: {len(items)} conversations, {shown} of them with an image"


def read(job: Job) -> str:
    """Put the talk about the subject in data/conversations/<id>.parquet.

    Raises UserError if the form is another, speakers do not alternate, or nothing can be used.
    """
    turns, left, there = [], 0, files.own_photos(job.photos)
    for item in llava_json.read(job.path):
        photos = [Path(name).name for name in item.images]
        if len(photos) > 1 or not there.keys() >= set(photos):
            left += 1
            continue
        photo = photos[0] if photos else None
        turns += [conversations.ConversationTurn("qa", photo, *turn) for turn in item.turns]
    spoiled = conversations.replace(job.subject, turns, job.photos)
    return (
        f"{len(turns)} questions read, {left} items about other images left{spoiled} ({conversations.KEPT})"
    )
