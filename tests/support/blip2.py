"""A tiny random BLIP-2 with real classes of all parts: `blip2(folder)` writes what is loaded."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    BlipImageProcessor,
    OPTConfig,
    PreTrainedTokenizerFast,
    T5Config,
    T5Tokenizer,
)

from tests.support import tiny
from tests.support.families import saved
from tests.support.tiny import CORPUS, IMAGE_SIZE, PATCH, STD

QUERIES = 4


def blip2(folder: Path, *, decoder_only: bool = False) -> Path:
    """10 tokens of an image squeezed to a square, a Q-Former of 4 queries, and a T5, or else an OPT."""
    text = opt_tokenizer() if decoder_only else t5_tokenizer()
    images = BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    processor = Blip2Processor(images, text, num_query_tokens=QUERIES)
    torch.manual_seed(0)
    config = Blip2Config(
        vision_config=Blip2VisionConfig(
            image_size=IMAGE_SIZE,
            patch_size=PATCH,
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            initializer_range=STD,
        ).to_dict(),
        qformer_config=Blip2QFormerConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            encoder_hidden_size=24,
            initializer_range=STD,
        ).to_dict(),
        text_config=(_opt(text) if decoder_only else _t5(text)).to_dict(),
        num_query_tokens=QUERIES,
        image_token_index=text.convert_tokens_to_ids("<image>"),
    )
    config.initializer_range = STD
    return saved(Blip2ForConditionalGeneration(config), processor, folder)


def t5_tokenizer() -> T5Tokenizer:
    """T5's unigrams; about 100 pieces."""
    draft = Tokenizer(models.Unigram())
    draft.pre_tokenizer = pre_tokenizers.Metaspace()
    draft.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=100, show_progress=False))
    special = [(token, 0.0) for token in ("<pad>", "</s>", "<unk>")]
    return T5Tokenizer(vocab=special + [tuple(piece) for piece in tiny.model_of(draft)["vocab"]], extra_ids=0)


def opt_tokenizer() -> PreTrainedTokenizerFast:
    """Pieces behind a BOS, as OPT's; that there is an image token is the processor's business."""
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=tiny.tokenizer().backend_tokenizer, **names)


def _t5(text: T5Tokenizer) -> T5Config:
    return T5Config(
        vocab_size=len(text) + 3,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        initializer_factor=2.0,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
        tie_word_embeddings=False,
    )


def _opt(text: PreTrainedTokenizerFast) -> OPTConfig:
    return OPTConfig(
        vocab_size=len(text) + 3,
        hidden_size=32,
        word_embed_proj_dim=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        init_std=STD,
        bos_token_id=text.bos_token_id,
        eos_token_id=text.eos_token_id,
        pad_token_id=text.pad_token_id,
    )
