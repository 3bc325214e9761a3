"""MyVLM's data: a folder per concept with photos, two files of captions and one of questions.

``captions.json`` and ``captions_augmented.json`` are ``{file name: [caption, …]}`` with the concept's *name*,
which MyVLM replaces by its identifier: as it stands for an object, title-cased for a person.
``additional_llava_vqa_data.json`` is ``{path of the photo: [[question, answer], …]}``; its keys must be the
very string that MyVLM makes of data_root, name and file, so give the path here as you give it to MyVLM.
``original_llava_captions.json`` is ``{path of the photo: [caption, …]}`` by the model as it was; it is only
written, where the base's own words are known.

MyVLM replaces the name wherever its letters stand, and ``bo`` would spoil "box". The name written is
therefore ``bo_``. Captions that do not name the subject are left out: MyVLM could not put its identifier in
them. Assumed: captions.json holds the first of each photo's captions. Reading takes the concept's name from
the folder's, beside the names that all formats may use (`core.names`), and leaves the photos where they are
(`commands.add` copies photos). What is said of a photo goes to the train photo that looks the same, whatever
its name.
"""

from pathlib import Path

from commands.convert import conversations, files
from commands.convert.job import Job
from common.core import foreign, io, myvlm_json
from common.core.errors import UserError
from common.core.images import read_bytes
from common.core.myvlm_json import AUGMENTED, CAPTIONS
from common.core.progress import printable

VQA = "additional_llava_vqa_data.json"
ORIGINAL = "original_llava_captions.json"
QUESTION = "Please caption this image of {}."  # MyVLM's own, of which its captions are the answers
ABOUT_VQA = '{"path of the photo": [["question", "answer"], …]} is expected'


def write(job: Job) -> str:
    """Write ``<path>/<id>_`` from the train photos and data/conversations/<id>.parquet.

    Raises UserError if no caption names the subject.
    """
    name = f"{job.subject}_"
    folder = job.path / name
    files.refuse_existing(folder)
    captions: dict[str, list[str]] = {}
    asked: dict[str, list[list[str]]] = {}
    spelled = name.title() if job.kind == "person" else name
    for turn in conversations.read(job.subject):
        if turn.photo and turn.kind == "qa":
            pair = [text.replace(job.token, name) for text in (turn.question, turn.answer)]
            asked.setdefault(str(folder / turn.photo), []).append(pair)
        elif turn.photo and job.token in turn.answer:
            captions.setdefault(turn.photo, []).append(turn.answer.replace(job.token, spelled))
    if not captions:
        raise UserError(
            f"no caption in data/conversations/{job.subject}.parquet names {job.token}, "
            "and MyVLM learns from those: use another base model"
        )
    # MyVLM loads the photos that have captions and looks up each one's questions
    asked = {str(folder / photo): asked.get(str(folder / photo), []) for photo in captions}
    own_words = conversations.original_captions(job.subject)
    originals = {str(folder / photo): own_words[photo] for photo in captions if photo in own_words}
    there = files.own_photos(job.photos)
    if lost := sorted(set(captions) - set(there)):
        raise UserError(f"{job.photos} has no photo {printable(lost[0])}: run `dvc repro synthesize`")
    with io.whole_folder(folder) as made:
        for photo in captions:
            (made / photo).write_bytes(read_bytes(there[photo]))
        io.write_json(made / CAPTIONS, {photo: texts[:1] for photo, texts in captions.items()})
        io.write_json(made / AUGMENTED, captions)
        io.write_json(made / VQA, asked)
        if originals:
            io.write_json(made / ORIGINAL, originals)
    return f"{folder}: {len(captions)} photos, {_count(captions)} captions, {_count(asked)} questions"


def read(job: Job) -> str:
    """Put captions and questions of a concept's folder in data/conversations/<id>.parquet.

    Raises UserError if there are no captions, or a file is of another form.
    """
    captions = myvlm_json.read(job.path, AUGMENTED, CAPTIONS)
    if captions is None:
        raise UserError(f"{job.path} has neither {AUGMENTED} nor {CAPTIONS}: name the folder of one concept")

    def named(text: str) -> str:
        return myvlm_json.with_token(text, job.path.resolve().name, job.token)

    asked: dict[str, list[tuple[str, str]]] = {}
    if (job.path / VQA).is_file():
        asked = foreign.read(job.path / VQA, dict[str, list[tuple[str, str]]], ABOUT_VQA)
    ours = files.own_names(job.path, {Path(photo).name for photo in (*captions, *asked)}, job.photos)

    def own(photo: str) -> str:
        return ours.get(Path(photo).name, Path(photo).name)

    turns = [
        conversations.ConversationTurn("qa", own(photo), named(question), named(answer))
        for photo, pairs in asked.items()
        for question, answer in pairs
    ]
    turns += [
        conversations.ConversationTurn("caption", own(photo), QUESTION.format(job.token), named(text))
        for photo, texts in captions.items()
        for text in texts
    ]
    spoiled = conversations.replace(job.subject, turns, job.photos if ours else job.path)
    return f"{_count(captions)} captions and {_count(asked)} questions read{spoiled} ({conversations.KEPT})"


def _count(lists: dict[str, list]) -> int:
    return sum(map(len, lists.values()))
