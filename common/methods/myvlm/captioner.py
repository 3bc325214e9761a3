"""BLIP-2 with vectors before its Q-Former: the variant of MyVLM for captions (section 4.2 of the paper).

    photo -> vision tower -> P tokens, vectors -> Q-Former's cross-attention -> Q tokens -> language model

A vector, of length 1, passes the vision tower's last layer norm as patches do. In each cross-attention its
key and value are made as long as those of the photo's tokens on average, as published. Frozen throughout; not
a base (`common.vlm`): it has no chat template, and behind a Q-Former nothing could be kept of a photo.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch.nn.utils.rnn import pad_sequence

from common import vlm
from common.core.errors import UserError
from common.core.models import explained, refuse_gaps
from common.methods.myvlm.qformer import as_long_as_patches, cross_attention
from common.vlm.load import fingerprint
from common.vlm.suffix import IGNORE

if TYPE_CHECKING:
    from transformers import Blip2ForConditionalGeneration, Blip2Processor


@dataclass(frozen=True, eq=False)
class Captioner:
    """A frozen BLIP-2 with its processor; `name` and `fingerprint` as of `vlm.Base`."""

    model: "Blip2ForConditionalGeneration"
    processor: "Blip2Processor"
    name: str
    fingerprint: str

    @property
    def hidden_size(self) -> int:
        """C, of the vision tower's tokens and so of a vector."""
        return self.model.config.vision_config.hidden_size

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    @torch.no_grad()
    def see(self, images: Sequence[Image.Image], batch_size: int) -> torch.Tensor:
        """What the vision tower makes of n images: (n, P, C) in the model's dtype, on the CPU."""
        parts = []
        for start in range(0, len(images), batch_size):
            batch = list(images[start : start + batch_size])
            pixels = self.processor.image_processor(batch, return_tensors="pt").pixel_values
            parts.append(self.model.vision_model(pixels.to(self.device, self.model.dtype)).last_hidden_state)
        return torch.cat(parts).cpu()

    def image_features(self, seen: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        """What the language model is given of B photos: (B, Q, D).

        Args:
            seen: (B, P, C) of `see`, on the device.
            vectors: (B, m, C) float32 of length 1, after the last token; m may be 0.

        """
        placed = self.model.vision_model.post_layernorm(vectors.to(seen.dtype))
        with as_long_as_patches(self.model.qformer, seen.shape[1]):
            queries = self.model.qformer(
                query_embeds=self.model.query_tokens.expand(len(seen), -1, -1),
                encoder_hidden_states=torch.cat([seen, placed], 1),
            ).last_hidden_state
        return self.model.language_projection(queries.to(seen.dtype))

    def losses(
        self, seen: torch.Tensor, captions: Sequence[str], vectors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy of the captions, unasked, the mean over their tokens; and attention penalty.

        Shapes as in `image_features`. Both () float32. The penalty is the sum over cross-attentions of the
        mean, over photos, heads and queries, of the squared attention that the vectors receive.
        """
        with cross_attention(self.model.qformer) as weights:
            features = self.image_features(seen, vectors)
        pairs = [self._ids("", caption) for caption in captions]
        ids = self._padded([ids for ids, _ in pairs], self.processor.tokenizer.pad_token_id)
        told = self.model.language_model(
            inputs_embeds=self._embed(ids, features),
            attention_mask=self._padded([[1] * len(ids) for ids, _ in pairs], 0),
            labels=self._padded([labels for _, labels in pairs], IGNORE),
        )
        penalty = torch.stack(
            [layer[..., seen.shape[1] :].float().square().mean() for layer in weights]
        ).sum()
        return told.loss.float(), penalty

    @torch.no_grad()
    def answer(
        self, seen: torch.Tensor | None, text: str, vectors: torch.Tensor | None, max_new_tokens: int
    ) -> list[vlm.Answer]:
        """Go on greedily after a text, about B photos with vectors, shapes as in `image_features`.

        Without photos the language model alone goes on, once. There are no probabilities.
        """
        features = None if seen is None or vectors is None else self.image_features(seen, vectors)
        count = 1 if features is None else len(features)
        first = 0 if features is not None else self.model.config.num_query_tokens
        ids = torch.tensor([self._ids(text)[0][first:]] * count, device=self.device)
        new = self.model.language_model.generate(
            inputs_embeds=self._embed(ids, features),
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
        )
        texts = self.processor.batch_decode(new, skip_special_tokens=True)
        return [
            vlm.Answer(said.strip(), (), cut_off=self._ends.isdisjoint(row.tolist()))
            for said, row in zip(texts, new, strict=True)
        ]

    @property
    def _ends(self) -> frozenset[int]:
        """Ids that end a text: of an OPT not the tokenizer's, but a line break's."""
        own = self.model.language_model.generation_config.eos_token_id
        return frozenset(own if isinstance(own, list) else [own])

    def _ids(self, text: str, caption: str | None = None) -> tuple[list[int], list[int]]:
        """Ids of photo, text and, where the language model has no decoder of its own, caption; labels."""
        tokenizer, config = self.processor.tokenizer, self.model.config
        ids = [config.image_token_id] * config.num_query_tokens + tokenizer(text).input_ids
        if caption is None:
            return ids, []
        if self.model.language_model.config.is_encoder_decoder:
            return ids, tokenizer(caption).input_ids
        said = [*tokenizer(caption, add_special_tokens=False).input_ids, min(self._ends)]
        return ids + said, [IGNORE] * len(ids) + said

    def _padded(self, rows: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
        """Rows, filled up behind: (B, S) int64 on the device."""
        return pad_sequence([torch.tensor(row) for row in rows], True, fill).to(self.device)

    def _embed(self, ids: torch.Tensor, features: torch.Tensor | None) -> torch.Tensor:
        embeddings = self.model.language_model.get_input_embeddings()(ids)
        if features is None:
            return embeddings
        places = (ids == self.model.config.image_token_id).unsqueeze(-1)
        return embeddings.masked_scatter(places, features.to(embeddings.dtype))


@cache
def load(key: str, model: str, revision: str | None, dtype: str, device: str) -> Captioner:
    """Open a folder (revision None) or a hub model at a commit, once for all checkpoints.

    Raises UserError, which names the key of params.yaml, if there is no BLIP-2 there, or not all of it.
    """
    from transformers import AutoConfig, Blip2ForConditionalGeneration, Blip2Processor, logging

    logging.disable_progress_bar()  # it would count tensors, which says nothing to anyone
    with explained(key, model, revision):
        kind = AutoConfig.from_pretrained(model, revision=revision).model_type
        if kind != "blip-2":
            raise UserError(
                f"{model} is a model of type {kind}: {key}.model in params.yaml needs one of type "
                "blip-2, for example Salesforce/blip2-flan-t5-xl"
            )
        weights, loaded = Blip2ForConditionalGeneration.from_pretrained(
            model,
            revision=revision,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
        )
        refuse_gaps(key, model, loaded)
        processor = Blip2Processor.from_pretrained(model, revision=revision)
    weights = weights.to(device).eval().requires_grad_(False)
    return Captioner(weights, processor, model, fingerprint(model, revision))
