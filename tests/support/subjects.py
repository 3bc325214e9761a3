"""Made-up subjects with all that stands before evaluate and report: photos, truth, tables, predictions.

`populate` writes what the stages before evaluate would, `predict` what evaluate would, without any model.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from common import vlm
from common.core import images, io, paths, schema
from common.core import seed as seeds

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'
TEXT_QUESTION = {"question": "What color is <{id}>?", "options": ["red", "blue"], "answer": 0}
VISUAL_QUESTION = {
    "image": "00.png",
    "question": "What is <{id}> next to?",
    "options": ["ball", "tree"],
    "answer": 1,
}


def populate(subjects: Mapping[str, str], *, train: int = 2, test: int = 3, lookalikes: int = 2) -> None:
    """Write all files of these subjects (id → source); own subjects get neither look-alikes nor questions."""
    for number, (subject, source) in enumerate(subjects.items()):
        _photos(paths.train_photos(subject, source), train, number * 100)
        _photos(paths.test_photos(subject, source), test, number * 100 + 20)
        if source == "world":
            truth = paths.truth_dir(subject, source)
            for i, group in enumerate(("marking", "one", "two")):
                _photos(truth / "lookalikes" / group, lookalikes, number * 100 + 40 + 10 * i)
            questions = {"visual": [VISUAL_QUESTION], "text": [TEXT_QUESTION]}
            (truth / "questions.json").write_text(json.dumps(questions).replace("{id}", subject))
        _tables(subject, source)
        _curve(subject, epochs=3)
        base = {"model": "models/base/llava", "dtype": "float32", "fingerprint": "sha256:0123456789"}
        io.write_json(paths.subject_model(subject) / "soft_prompt.json", {"base": base, "latent_tokens": 3})
    _prior_knowledge(subjects)
    _of_two(list(subjects))
    _general()


def teach(base: vlm.Base, subjects: Iterable[str]) -> None:
    """Write soft prompts of three latent tokens, as train would, with rows as they are before training."""
    for subject in subjects:
        prompt = vlm.SoftPrompt.init_random(base.model, subject, 3, seeds.torch_stream(1, subject))
        prompt.info["base"] = {"fingerprint": base.fingerprint}
        prompt.save(paths.subject_model(subject))


def _photos(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        noise = np.random.default_rng(seed + i).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((48, 48)).save(folder / f"{i:02d}.png")


def _of_two(subjects: list[str]) -> None:
    """Every subject left of the next, and a stranger to all right of the last."""
    _photos(paths.WORLD_TWO_SUBJECTS, len(subjects), 5000)
    pairs = zip(subjects, [*subjects[1:], "nobody"], strict=True)
    rows = [
        {"image": f"{i:02d}.png", "left": left, "right": right, "absent": sorted({*subjects} - {left, right})}
        for i, (left, right) in enumerate(pairs)
    ]
    io.write_json(paths.WORLD_TWO_SUBJECTS / "two_subjects.json", rows)


def _general() -> None:
    """Two photos; a yes, a no, and a choice of three."""
    folder = paths.WORLD_GENERAL
    _photos(folder / "images", 2, 6000)
    polls = [
        {"question_id": i, "image": f"0{i}.png", "text": "Is there a dog in this photo?", "label": label}
        for i, label in enumerate(("yes", "no"))
    ]
    (folder / "world_pope_random.json").write_text("".join(f"{json.dumps(poll)}\n" for poll in polls))
    image = base64.b64encode((folder / "images/00.png").read_bytes()).decode()
    columns = ["index", "question", "A", "B", "C", "answer", "category", "image"]
    values = ["0", "What color is it?", "red", "blue", "green", "B", "color", image]
    (folder / "world_mmbench.tsv").write_text("\n".join(map("\t".join, (columns, values))))


def _tables(subject: str, source: str) -> None:
    photos = images.list_photos(paths.train_photos(subject, source))
    rows = [images.photo_row(path) for path in photos]
    samples = [_sample(subject, row, "positive", "train") for row in rows[:2]]
    samples.append({"task": "conversation", "role": "text", "split": "train", "question": "?"})
    samples += [_sample(subject, row, "positive", "validation") for row in rows[:2]]
    samples += [
        _sample(subject, rows[0] | {"sha256": f"{role} {i}"}, role, "validation")
        for role in ("hard", "easy")
        for i in range(3)
    ]
    samples = [{"sample": i} | sample for i, sample in enumerate(samples)]
    io.write_parquet(paths.dataset(subject), _filled(samples, schema.DATASET), schema.DATASET, ["sample"])

    spoken = [
        {
            "kind": "qa",
            "photo": photos[0].name,
            "question": f"What color is <{subject}>?",
            "answer": "Red.",
            "turn": 0,
        },
        {
            "kind": "qa",
            "photo": photos[0].name,
            "question": f"What is <{subject}>?",
            "answer": "A dog.",
            "turn": 1,
        },
        {
            "kind": "caption",
            "photo": photos[0].name,
            "question": f"Describe <{subject}>.",
            "answer": "A.",
            "turn": 10,
        },
        {
            "kind": "dropped",
            "photo": photos[1].name,
            "question": "?",
            "raw_answer": "No idea",
            "reason": "refusal",
        },
        {"kind": "description_short", "answer": f"<{subject}> is a red dog. {HOSTILE}"},
        {"kind": "description_long", "answer": f"<{subject}> is a red dog. It sits."},
    ]
    table = _filled(spoken, schema.CONVERSATIONS)
    io.write_parquet(paths.conversations(subject), table, schema.CONVERSATIONS, ["kind", "photo", "turn"])

    negatives = [
        {
            "role": role,
            "rank": 0,
            "score": score,
            "query": query,
            "key": role,
            "caption": HOSTILE,
            **_image(rows[0]),
        }
        for role, score, query in (("hard", 0.9, photos[0].name), ("easy", 0.1, None))
    ]
    table = _filled(negatives, schema.NEGATIVES)
    io.write_parquet(paths.negatives(subject), table, schema.NEGATIVES, [("role", "descending"), "rank"])


def _prior_knowledge(subjects: Iterable[str]) -> None:
    """The base says Yes to every subject's name, and to one that nobody bears."""
    rows = [
        {"subject": subject, "invented": invented, "name": name, "question": question, "answer": answer}
        | {"parsed": parsed, "p_yes": p_yes}
        for subject in subjects
        for invented, name, question, answer, parsed, p_yes in (
            (False, subject.title(), f"Do you know {subject.title()}?", "Yes", "yes", 0.9),
            (False, subject.title(), f"Who or what is {subject.title()}?", HOSTILE, None, None),
            (True, "Quorvin", "Do you know Quorvin?", "Yes.", "yes", 0.6),
            (True, "Zemmick", "Do you know Zemmick?", "No", "no", 0.4),
        )
    ]
    io.write_parquet(paths.PRIOR_KNOWLEDGE, rows, schema.PRIOR_KNOWLEDGE, ["subject", "name", "question"])


def _sample(subject: str, row: dict, role: str, split: str) -> dict:
    label = "yes" if role == "positive" else "no"
    asked = {"task": "recognition", "question": f"Is <{subject}> here?", "answer": label.title()}
    picture = {"image": row["image"], "image_sha256": row["sha256"], "source_sha256": row["sha256"]}
    return asked | picture | {"role": role, "split": split, "label": label}


def _curve(subject: str, epochs: int) -> None:
    rows = [
        {"epoch": e, "loss": round(2 / e, 4), "positive": 1.0, "negative": 0.5, "weighted": 0.75}
        for e in range(1, epochs + 1)
    ]
    io.write_csv(paths.train_curve(subject), rows)


def _image(row: dict) -> dict:
    return {"image": row["image"], "sha256": row["sha256"], "url": "http://corpus.example/0.png"}


def _filled(rows: list[dict], columns) -> list[dict]:
    return [dict.fromkeys(columns.names) | row for row in rows]
