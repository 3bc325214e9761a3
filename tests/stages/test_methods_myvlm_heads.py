"""Heads over all other concepts, whose hits and false alarms evaluation counts; what they are kept from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from common import methods, vlm
from common.clip import Clip, embed
from common.core import images, io, paths, schema
from common.methods.interface import Backbones, MethodSubject
from common.methods.myvlm.concept import Concept
from common.methods.myvlm.heads import LinearHead, load
from common.methods.myvlm.training_pairs import Identifier
from stages.evaluate.__main__ import main
from stages.report.scores import score
from tests.support.helpers import set_params
from tests.support.myvlm_helpers import shortened, write_tables
from tests.support.subjects import populate
from tests.support.vlm_helpers import noise_images

SUBJECTS = ("bo", "mam", "tom")
TABLES = {
    "recognition": schema.RECOGNITION,
    "threshold_set": schema.THRESHOLD_SET,
    "questions": schema.QUESTIONS,
    "open_answers": schema.OPEN_ANSWERS,
    "captions": schema.CAPTIONS,
    "two_subjects": schema.TWO_SUBJECTS,
    "general": schema.GENERAL,
}


@pytest.fixture
def heads(workspace: Path, tiny_llava: Path, clip_folder: Path) -> dict[str, LinearHead]:
    """Three subjects with a head each, whose threshold lies amid its probabilities; the vectors are drawn."""
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "base.clip.model": str(clip_folder),
            "base.device.batch_size": 8,
            "evaluate.max_new_tokens": 2,
            "evaluate.threshold_negatives": 2,
            "evaluate.general_subjects": 1,
            "evaluate.captioned_others": 1,
            "subjects": {name: {"kind": "pet", "source": "world"} for name in SUBJECTS},
        }
    )
    populate(dict.fromkeys(SUBJECTS, "world"))
    base, found = vlm.load(str(tiny_llava)), {}
    draws = torch.Generator().manual_seed(0)
    for subject in SUBJECTS:
        weight = torch.randn(2, 16, generator=draws)
        level = np.median(LinearHead(0.5, weight, torch.zeros(2)).probabilities(features(clip_folder)))
        found[subject] = LinearHead(round(float(level), 3), weight, torch.zeros(2))
        vector = torch.nn.functional.normalize(torch.randn(1, base.hidden_size, generator=draws))
        info = {"base": base.fingerprint, "mode": "captioning", "norm": "patch"}
        concept = Concept(Identifier.of(subject, "sks"), found[subject], torch.zeros(1, 2), vector, info)
        concept.save(paths.fitted("myvlm") / subject, {1: vector}, {})
    return found


def shown() -> list[tuple[str, Path]]:
    """All test photos with their owners."""
    return [
        (owner, photo)
        for owner in SUBJECTS
        for photo in images.list_photos(paths.test_photos(owner, "world"))
    ]


def features(clip_folder: Path) -> np.ndarray:
    clip = Clip(str(clip_folder), None, "cpu")
    return embed(clip, [images.load_image(photo) for _, photo in shown()])


def test_hits_and_false_alarms_over_all_other_concepts(heads, clip_folder) -> None:
    main("myvlm")
    tables = {
        name: io.read_parquet(paths.predictions("myvlm", name), columns).to_pandas()
        for name, columns in TABLES.items()
    }
    scores = score(tables, {"myvlm": "MyVLM"}, SUBJECTS, 0, 20)
    own = np.array([owner for owner, _ in shown()])
    rates = []
    for subject, head in heads.items():
        fires = head.probabilities(features(clip_folder)) >= head.threshold
        hits, rejected = fires[own == subject].mean(), 1 - fires[own != subject].mean()
        rates += [hits, rejected]
        assert scores.of(subject, "myvlm", "recognition.positive") == pytest.approx(hits)
        assert scores.of(subject, "myvlm", "recognition.negative") == pytest.approx(rejected)
    assert len(set(rates)) > 2 and 0 < np.mean(rates) < 1


def test_what_is_held_out_teaches_no_head_and_measures_it(
    base: vlm.Base, clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bo, clip = MethodSubject("bo", "pet"), Clip(str(clip_folder), None, "cpu")
    backbones = Backbones(lambda: base, lambda: clip, 0, 4)
    files = [tmp_path / f"{number}.png" for number in range(11)]
    for file, picture in zip(files, noise_images(11), strict=True):
        picture.save(file)
    write_tables(bo, files[:10])  # of which eight are negatives
    section = shortened()
    section["head"] |= {"held_out": 0.4}
    folder = paths.fitted("myvlm") / "bo"

    def fit() -> tuple[bytes, dict]:
        methods.prepare("myvlm", {"myvlm": section}, backbones).fit([bo])
        return (folder / "head.safetensors").read_bytes(), io.read_json(folder / "split.json")

    head, split = fit()
    assert split["positives"] == ["0.png", "1.png"]
    assert len(split["held_out"]) == 3 and len(split["negatives"]) == 5  # 0.4 of eight, rounded down
    assert sorted(split["held_out"] + split["negatives"]) == [f"{number}.png" for number in range(2, 10)]
    held_out = [images.load_image(tmp_path / name) for name in split["held_out"]]
    fires = load(folder).probabilities(embed(clip, held_out)) >= 0.5
    assert split["held_out_rejected"] == round(1 - fires.mean(), 6)

    for lists, same in ((split["held_out"], True), (split["negatives"], False)):
        rows = io.read_parquet(bo.dataset, schema.DATASET).to_pylist()
        other = {"bytes": files[10].read_bytes(), "path": "10.png"}
        rows = [row | {"image": other} if row["source"] in lists else row for row in rows]
        write_tables(bo, files[:10])
        io.write_parquet(bo.dataset, rows, schema.DATASET, ["sample"])
        assert (fit()[0] == head) is same
