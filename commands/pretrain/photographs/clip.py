"""The CLIP for photographs: the tower, a projection in closed form, and a text side trained towards it.

Images go from the mean of the tower's tokens to their leading directions over many photos, which keeps their
angles: these tell individuals apart, and nothing is trained for that. The text side, one layer over words,
is trained on captions by the symmetric contrastive loss (Radford et al. 2021, section 2.3), the image side
frozen. Writes models/photographs/clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    CLIPTextConfig,
    PreTrainedTokenizerFast,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    VisionTextDualEncoderProcessor,
)

from commands.pretrain.photographs import tower
from common.core.progress import bar

DIMENSION = 512  # of an embedding
SPECIAL = ("<unk>", "<pad>", "<s>", "</s>")  # the last not at 2, which CLIPTextModel takes for a mistake
SEEN = 3  # times that a word must occur in the captions to be one
LONGEST = 64  # tokens of a text
WIDTH = 128  # of the text side
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 4, 256, 3e-3, 0.1
SCALE = 20.0  # of the cosines, at first


def make(pooled: np.ndarray, captions: Sequence[Sequence[str]], target: Path, seed: int) -> None:
    """Write a CLIP to the folder `target`, float16.

    Args:
        pooled: (n, tower.WIDTH) float32, mean tokens of n photos.
        captions: sentences about each of them.
        target: folder that `transformers.AutoModel` and `AutoProcessor` open.
        seed: of first values and order.

    """
    torch.manual_seed(seed)
    tokenizer = words([text for texts in captions for text in texts])
    model = build(tokenizer)
    model.vision_model.load_state_dict(tower.load().state_dict())
    directions = leading(pooled, DIMENSION)
    model.visual_projection.weight.data = torch.from_numpy(directions)
    images = F.normalize(torch.from_numpy(pooled @ directions.T), dim=-1)
    train(model, tokenizer, images, captions, seed)
    model.to(torch.float16).save_pretrained(target)
    VisionTextDualEncoderProcessor(tower.image_processor(), tokenizer).save_pretrained(target)


def leading(pooled: np.ndarray, count: int) -> np.ndarray:
    """The `count` directions (count, WIDTH) float32 that hold most of (n, WIDTH) vectors, by eigenvectors."""
    values = pooled.astype(np.float64)
    _, vectors = np.linalg.eigh(values.T @ values)  # rising
    return np.ascontiguousarray(vectors[:, : -count - 1 : -1].T, np.float32)


def words(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A tokenizer of the lower-case words that occur in the texts at least SEEN times."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=SPECIAL[0]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(
        vocab_size=2**16, min_frequency=SEEN, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, SPECIAL.index(token)) for token in ("<s>", "</s>")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=LONGEST,
    )


def build(tokenizer: PreTrainedTokenizerFast) -> VisionTextDualEncoderModel:
    """A model of random weights."""
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=LONGEST,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config = VisionTextDualEncoderConfig(
        vision_config=tower.config().to_dict(),
        text_config=text.to_dict(),
        projection_dim=DIMENSION,
        logit_scale_init_value=float(np.log(SCALE)),
    )
    return VisionTextDualEncoderModel(config).eval()


def train(
    model: VisionTextDualEncoderModel,
    tokenizer: PreTrainedTokenizerFast,
    images: torch.Tensor,
    captions: Sequence[Sequence[str]],
    seed: int,
) -> None:
    """Train the text side towards unit vectors (n, DIMENSION) of the images that the captions are about.

    A photo counts once in a batch, so that no caption has two right answers.
    """
    learned = [*model.text_model.parameters(), *model.text_projection.parameters(), model.logit_scale]
    optimizer = torch.optim.AdamW(learned, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rng = np.random.default_rng(seed)
    each = max(map(len, captions))
    rounds = EPOCHS * each
    batches = [batch for _ in range(rounds) for batch in _shuffled(len(captions), rng)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, len(batches), pct_start=0.1)
    for batch in bar(batches, "text side of the CLIP"):
        texts = [captions[photo][rng.integers(len(captions[photo]))] for photo in batch]
        ids = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        told = model.get_text_features(**ids).pooler_output
        cosines = F.normalize(told, dim=-1) @ images[batch].T  # (B, B)
        logits, right = model.logit_scale.exp() * cosines, torch.arange(len(batch))
        loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _shuffled(count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """All numbers below `count` once, in batches of BATCH or a little more or less."""
    return np.array_split(rng.permutation(count), max(1, round(count / BATCH)))
