"""LoRA on made-up subjects and a tiny model, fitted and asked as a user does, per subject and for all."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from common import methods, vlm
from common.core import images, io, paths, schema
from common.core.errors import UserError
from common.methods.interface import Backbones, Request, Responder, Task
from common.training.samples import TrainingSet, concatenate, read_rows
from stages.evaluate.__main__ import main as ask
from stages.fit_baseline.__main__ import main as fit
from tests.support import families
from tests.support.helpers import run_here, set_params
from tests.support.lora_subjects import SECTION, SECTIONS, SUBJECTS, files, prepare


@pytest.fixture
def prepared(workspace: Path, tiny_llava: Path, clip_folder: Path) -> Path:
    prepare(tiny_llava, clip_folder)
    return workspace


def opened(name: str, base: vlm.Base) -> Responder:
    """The fitted method of a section, with a base that the test keeps hold of."""
    return methods.prepare(name, SECTIONS, Backbones(lambda: base, None, 0, 4))


@pytest.mark.slow
def test_an_adapter_for_each_subject_and_the_same_bytes_again(prepared: Path) -> None:
    assert fit("lora") == "lora: 2 subjects"
    learned = files(paths.fitted("lora"))
    assert set(learned) == {
        f"{subject}/{name}"
        for subject in SUBJECTS
        for name in ("adapter_config.json", "adapter_model.safetensors", "training.json")
    }
    config = json.loads(learned["bo/adapter_config.json"])
    assert config["peft_type"] == "LORA" and config["base_model_name_or_path"] == "base"
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (2, 8, 0.1)
    told = json.loads(learned["bo/training.json"])
    assert told["data"] == {"bo": io.sha256_file(paths.dataset("bo"))}
    assert told["validation"]["weighted"] == max(row["weighted"] for row in told["curve"])
    assert told["base"]["fingerprint"] == vlm.load("base").fingerprint
    assert not any(str(prepared).encode() in content for content in learned.values())
    assert learned["bo/adapter_model.safetensors"] != learned["mam/adapter_model.safetensors"]

    fit("lora")
    assert files(paths.fitted("lora")) == learned

    assert ask("lora").startswith("lora: 2 subjects")
    known = io.read_parquet(paths.predictions("lora", "methods"), schema.METHODS).to_pandas()
    values = load_file(paths.fitted("lora") / "bo" / "adapter_model.safetensors").values()
    assert known.trainable.tolist() == [sum(value.numel() for value in values)] * 2
    assert known.stored_bytes.tolist() == [
        sum(len(content) for name, content in learned.items() if name.startswith(subject))
        for subject in known.subject
    ]
    assert (known.prompt_tokens == 0).all()


@pytest.mark.slow
def test_one_adapter_for_all_subjects_with_its_projector(prepared: Path) -> None:
    fit("lora_all")
    learned = files(paths.fitted("lora_all"))
    assert {name.partition("/")[0] for name in learned} == {"all"} and "all/projector.safetensors" in learned
    assert set(json.loads(learned["all/training.json"])["data"]) == set(SUBJECTS)
    ask("lora_all")
    known = io.read_parquet(paths.predictions("lora_all", "methods"), schema.METHODS).to_pandas()
    assert known.stored_bytes.tolist() == [sum(map(len, learned.values()))] * 2


def test_a_subjects_adapter_is_in_place_whatever_is_asked_and_the_base_where_there_is_no_subject(
    prepared: Path,
) -> None:
    fit("lora")
    fit("lora_all")
    base, photo = vlm.load("base"), images.list_photos(paths.test_photos("bo", "world"))[0]
    before = {name: value.clone() for name, value in base.model.state_dict().items()}
    in_place: list[tuple[str, ...]] = [("bo",), (), ("mam",), ("bo", "mam"), ("bo",)]

    def chances(name: str) -> list[tuple[float, ...]]:
        task = Task("general", 1)
        requests = [Request(task, name, subjects, "photo", "Is it a dog?") for subjects in in_place]
        return [answer.probabilities for answer in opened(name, base).answers({"photo": photo}, requests)]

    prefixes = vlm.encode_prefixes(base, [images.load_image(photo)])
    plain = vlm.answer(base, [vlm.Query("Is it a dog?", 0)], prefixes, max_new_tokens=1, batch_size=1)
    each = chances("lora")
    assert each[1] == pytest.approx(plain[0].probabilities, rel=1e-5)
    assert len({round(chance[0], 5) for chance in each[:4]}) == 4 and each[4] == each[0]
    shared = chances("lora_all")
    assert shared[1] == pytest.approx(plain[0].probabilities, rel=1e-5)
    assert shared[0] == shared[2] == shared[3] == shared[4] and shared[0] != pytest.approx(shared[1])
    assert all(value.equal(before[name]) for name, value in base.model.state_dict().items())


@pytest.mark.parametrize("rank", [2, None])
def test_another_family_learns_by_an_adapter_or_all_its_weights(prepared: Path, rank: int | None) -> None:
    folder = str(families.qwen3_vl(prepared / "qwen"))
    section = SECTION | {"rank": rank, "learning_rate": 0.002}
    set_params({"base.vlm.model": folder, "methods": {"lora": section}})
    fit("lora")
    stored = {name for name in files(paths.fitted("lora")) if name.startswith("bo/")}
    weights = "language_model.safetensors" if rank is None else "adapter_model.safetensors"
    config = set() if rank is None else {"bo/adapter_config.json"}
    assert stored == {"bo/training.json", f"bo/{weights}"} | config

    base, photo = vlm.load(folder), images.list_photos(paths.test_photos("bo", "world"))[0]
    before = {name: value.clone() for name, value in base.model.state_dict().items()}
    method = methods.prepare("lora", {"lora": section}, Backbones(lambda: base, None, 0, 4))
    requests = [Request(Task("general", 1), "lora", who, "photo", "Is it a dog?") for who in (("bo",), ())]
    learned, plain = (answer.probabilities for answer in method.answers({"photo": photo}, requests))
    assert learned != pytest.approx(plain)
    assert all(value.equal(before[name]) for name, value in base.model.state_dict().items())
    values = load_file(paths.fitted("lora") / "bo" / weights).values()
    assert method.cost("lora", "bo").trainable == sum(value.numel() for value in values)


def test_mistakes_end_with_one_sentence(prepared: Path) -> None:
    set_params({"methods.lora.scope": "each", "methods.lora.ranks": 4})
    done = run_here("fit_baseline", "lora")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "methods.lora.scope is 'each'" in done.stderr
    assert "methods.lora.ranks is not a known key: did you mean rank?" in done.stderr

    set_params({"methods.lora": SECTION | {"learning_rate": 1e6, "alpha": 1e6, "max_grad_norm": 1e6}})
    with pytest.raises(UserError, match=r"training bo diverged in epoch \d: lower learning_rate"):
        fit("lora")
    with pytest.raises(UserError, match=r"models/methods/lora/bo/training\.json is missing"):
        ask("lora")


def test_others_conversations_are_learned_beside_the_subject_or_alone(prepared: Path) -> None:
    turns = [{"from": "human", "value": "<image>\nWho?"}, {"from": "gpt", "value": "A dog."}] * 2
    turns[2] = {"from": "human", "value": "Really?"}
    photo = images.list_photos(paths.train_photos("bo", "world"))[0]
    items = [{"image": str(photo), "conversations": turns}] + [{"conversations": turns[2:]}] * 30
    Path("talk.json").write_text(json.dumps(items))
    chosen = {"file": "talk.json", "images": "."}
    own = len(read_rows(paths.dataset("bo"), conversations=True, hard=True, easy=True)) - 4
    for share, count in ((None, own + 31), (0.5, 2 * own), (1.0, 31)):
        set_params({"methods.lora": SECTION | {"epochs": 1, "conversations": chosen | {"share": share}}})
        fit("lora")
        told = io.read_json(paths.fitted("lora") / "bo" / "training.json")
        assert told["samples"] == count
        assert told["data"]["conversations"] == io.sha256_file(Path("talk.json"))
    Path("talk.json").write_text(json.dumps([items[0] | {"image": "lost.png"}]))
    with pytest.raises(UserError, match=r"talk\.json, item 0: lost\.png is not in \."):
        fit("lora")
    Path("talk.json").unlink()
    with pytest.raises(
        UserError, match=r"conversations\.file is talk\.json, which is not there: name a JSON"
    ):
        fit("lora")


def test_training_ends_where_held_out_questions_get_worse(prepared: Path) -> None:
    for subject in SUBJECTS:
        rows = io.read_parquet(paths.dataset(subject), schema.DATASET).to_pylist()
        text = {"split": "train", "role": "text", "answer": "A dog."}
        rows += [
            dict.fromkeys(schema.DATASET.names) | text | {"question": q} for q in ("Who?", "Who?", "Where?")
        ]
        rows = [row | {"sample": number} for number, row in enumerate(rows)]
        io.write_parquet(paths.dataset(subject), rows, schema.DATASET, ["sample"])
    stop = {"held_out": 0.1, "patience": 1}
    set_params({"methods.lora": SECTION | {"epochs": 12, "learning_rate": 0.3, "early_stop": stop}})
    fit("lora")
    for subject in SUBJECTS:
        told = io.read_json(paths.fitted("lora") / subject / "training.json")
        losses = [row["held_out_loss"] for row in told["curve"]]
        best = losses.index(min(losses))
        assert told["validation"]["epoch"] == best + 1
        assert len(losses) == min(best + 2, 12)  # one more than the best
    assert len(losses) < 12


def test_lessons_join_and_keep_each_subjects_balance(prepared: Path) -> None:
    training_sets = [
        TrainingSet.of(
            read_rows(paths.dataset(subject), conversations=True, hard=True, easy=True), balance=True
        )
        for subject in SUBJECTS
    ]
    both = concatenate(training_sets)
    assert len(both.images) == 4  # of 2 photos each; all are in both datasets
    assert len(both.training) == sum(len(training_set.training) for training_set in training_sets)
    asked = [sample.question for training_set in training_sets for sample in training_set.validation]
    assert [sample.question for sample in both.validation] == asked
