"""MyVLM's measures of captions: recall, and similarities with a category in the place of the name."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import BertConfig, BertModel

from benchmarks import captions_similarity as measures
from benchmarks.captions import TABLE, main, of_photos
from common.clip import Clip, embed
from common.core import io, paths, schema
from common.core.errors import UserError
from tests.support.helpers import save_photo, set_params
from tests.support.methods_helpers import learnable
from tests.support.tiny import tokenizer
from tests.support.vlm_helpers import noise_images

SAID, WANTED = ["The dog on a rug.", "A dog."], ["The dog on a rug.", "The dog runs."]


def unit(*angles: float) -> np.ndarray:
    """Vectors at these angles, in degrees."""
    turns = np.radians(angles)
    return np.stack([np.cos(turns), np.sin(turns)], 1).astype(np.float32)


def test_recall_is_the_share_of_captions_with_their_own_subjects_token() -> None:
    captions = ["<bo> on a rug.", "A dog.", "<mam> and <bo>", "<bo>"]
    assert measures.recall(captions, ["<bo>", "<bo>", "<mam>", "<mam>"]) == 0.5
    assert math.isnan(measures.recall([], []))


@pytest.mark.parametrize(
    ("caption", "plain"),
    [
        ("<bo> sits by <bo>'s bowl.", "The dog sits by the dog's bowl."),
        ("A <bo> on a rug.", "A dog on a rug."),
        ("I see my <bo>", "I see my dog"),
        ("A cat.", "A cat."),
    ],
)
def test_the_category_takes_the_place_of_the_name(caption: str, plain: str) -> None:
    assert measures.with_category(caption, "<bo>", "dog") == plain


def test_image_similarity_counts_opposite_pairs_as_nothing() -> None:
    assert measures.image_similarity(unit(0, 0), unit(60, 180)) == pytest.approx(25)


def test_sentence_similarity_is_the_mean_cosine() -> None:
    assert measures.sentence_similarity(unit(0, 0), unit(60, 180)) == pytest.approx(-25)


def test_a_photo_s_own_caption_is_what_its_caption_is_compared_with(workspace: Path) -> None:
    assert of_photos("bo", "own") == {}
    path = paths.truth_dir("bo", "own") / "captions.json"
    io.write_json(path, {"00.png": ["sks on a rug", "more"], "01.png": [], "02.png": ["<Bo> runs."]})
    assert of_photos("bo", "own") == {"00.png": "<bo> on a rug", "02.png": "<bo> runs."}
    io.write_json(path, {"00.png": "sks on a rug"})
    with pytest.raises(UserError, match=r"captions\.json, 00\.png.* is expected: mend the file"):
        of_photos("bo", "own")


def test_captions_without_counterparts_are_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        measures.image_similarity(unit(0), unit(0, 1))


def test_scores_with_real_models(clip_folder: Path, tmp_path: Path) -> None:
    clip = Clip(str(clip_folder), None, "cpu")
    texts = partial(measures.embed_texts, clip)
    photos = embed(clip, noise_images(2))
    words = Transformer(str(bert(tmp_path / "bert")))
    SentenceTransformer(modules=[words, Pooling(words.get_embedding_dimension())]).save(
        str(tmp_path / "sbert")
    )
    sentences = measures.sentence_model(str(tmp_path / "sbert"))
    captions, targets = ["<bo> on a rug.", "A dog."], ["<bo> on a rug.", "<bo> runs."]
    found = measures.score(captions, ["<bo>"] * 2, ["dog"] * 2, photos, targets, texts, sentences)
    said, wanted = (sentences(each) for each in (SAID, WANTED))
    assert found["recall"] == 0.5
    assert found["sentence_similarity"] == pytest.approx(50 + 50 * (said[1] * wanted[1]).sum(), rel=1e-5)
    cosines = (texts(SAID) * photos).sum(1)
    assert found["image_similarity"] == pytest.approx(100 * np.maximum(cosines, 0).mean(), rel=1e-5)


@pytest.mark.parametrize("noun", ["teapot", None])
def test_captions_are_compared_with_the_noun_of_params_yaml(
    workspace: Path, clip_folder: Path, noun: str | None
) -> None:
    """Where there is none, with the kind: what the table says is what the sentences so written score."""
    learnable("bo", human="a red thing")
    entry = {"kind": "object"} | ({"noun": noun} if noun else {})
    set_params({"subjects": {"bo": entry}, "methods": {}, "base.clip.model": str(clip_folder)})
    said = ["<bo> stands on a rug.", "A <bo>, red."]
    for number in range(len(said)):
        save_photo(paths.test_photos("bo", "own") / f"{number}.png", 40 * number)
    columns = {"subject": "bo", "owner": "bo", "label": True, "named": True, "method": "soft_prompt"}
    rows = [columns | {"photo": f"{n}.png", "answer": caption} for n, caption in enumerate(said)]
    io.write_parquet(paths.predictions("soft_prompt", "captions"), rows, schema.CAPTIONS, ["photo"])
    main()
    row = TABLE.read_text().splitlines()[-1]
    assert row.startswith("| soft_prompt | yes | 1.00 | ")
    clip = Clip(str(clip_folder), None, "cpu")
    word = noun or "object"
    captions = measures.embed_texts(clip, [f"The {word} stands on a rug.", f"A {word}, red."])
    wanted = measures.embed_texts(clip, [f"The {word} is a red thing."] * 2)
    assert row.endswith(f" | {100 * (captions * wanted).sum(1).mean():.2f} |")


def bert(folder: Path) -> Path:
    """Write a tiny random BERT with a tokenizer."""
    words = tokenizer(context=32)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
