"""The strongest ordinary alternative: PEFT's trainable tokens, image features computed once, batches.

Only the learned rows are optimized, in float32; the vision tower and the projector run once per image; logits
are made where they are supervised or scored; validation takes one forward for a batch of photos. What is left
to do at every step is the language model over whole sequences.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from peft import TrainableTokensConfig, inject_adapter_in_model
from PIL import Image

from benchmarks.plain import Loop, Prepared, Whole
from common import vlm
from common.vlm.suffix import IGNORE

AT_ONCE = 32  # images through the tower, and questions answered, at once


class Featured:
    """A model that is given batches of whole sequences, with their images' features from a cache."""

    def __init__(self, base: vlm.Base, images: Sequence[Image.Image]) -> None:
        self.base = base
        self.features = torch.cat(
            [self._encode(images[start : start + AT_ONCE]) for start in range(0, len(images), AT_ONCE)]
        )  # (n, P, D)

    @torch.no_grad()
    def _encode(self, images: Sequence[Image.Image]) -> torch.Tensor:
        pixels = self.base.processor.image_processor(list(images), return_tensors="pt").pixel_values
        pixels = pixels.to(self.base.device, self.base.model.dtype)
        return torch.stack(self.base.model.get_image_features(pixel_values=pixels).pooler_output)

    def embedded(self, batch: Sequence[Whole], *, left: bool = False) -> dict[str, torch.Tensor]:
        """Input embeddings (B, T, D) and their mask (B, T), padded on the left or on the right."""
        ids = self.padded([whole.ids for whole in batch], self.base.tokenizer.pad_token_id, left)
        embeddings = self.base.model.get_input_embeddings()(ids)
        images = [whole.image for whole in batch if whole.image is not None]
        if images:
            places = (ids == self.base.model.config.image_token_id).unsqueeze(-1)
            embeddings = embeddings.masked_scatter(places, self.features[images])
        mask = self.padded([[1] * len(whole.ids) for whole in batch], 0, left)
        return {"inputs_embeds": embeddings, "attention_mask": mask}

    def padded(self, rows: Sequence[list[int]], fill: int, left: bool) -> torch.Tensor:
        """Stack to (B, T)."""
        length = max(map(len, rows))
        gaps = [[fill] * (length - len(row)) for row in rows]
        filled = [gap + row if left else row + gap for gap, row in zip(gaps, rows, strict=True)]
        return torch.tensor(filled, device=self.base.device)

    @torch.no_grad()
    def scores(self, batch: Sequence[Whole]) -> torch.Tensor:
        """Logits (B, V + n) of the answers' first tokens."""
        inputs = self.embedded(batch, left=True)
        positions = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        hidden = self.base.model.model.language_model(**inputs, position_ids=positions, use_cache=False)
        return self.base.model.lm_head(hidden.last_hidden_state[:, -1])

    @torch.no_grad()
    def generate(self, batch: Sequence[Whole], max_new_tokens: int) -> list[list[int]]:
        """Ids of the greedy answers, without the end token."""
        inputs = self.embedded(batch, left=True)
        made = self.base.model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False).tolist()
        end = self.base.tokenizer.eos_token_id
        return [ids[: ids.index(end)] if end in ids else ids for ids in made]


class Alternative(Loop):
    """One subject's training with PEFT."""

    def __init__(self, base: vlm.Base, training_set: Prepared) -> None:
        self._featured, self._lesson = Featured(base, training_set.images), training_set
        model, decoder = base.model, base.model.model.language_model
        own, grown = model.lm_head.out_features - 1, decoder.embed_tokens.num_embeddings
        for module, name, rows in ((decoder, "embed_tokens", range(own, grown)), (model, "lm_head", [own])):
            config = TrainableTokensConfig(target_modules=[name], token_indices=list(rows))
            inject_adapter_in_model(config, module)
            del module.peft_config  # or the next training on this model would be warned of a second adapter
        learned = [layer.trainable_tokens_delta["default"] for layer in (decoder.embed_tokens, model.lm_head)]
        for rows in learned:
            rows.data = rows.data.float()
        self._yes, self._no = (base.layout.first_id(option) for option in ("Yes", "No"))
        super().__init__(base, dict.fromkeys(learned, 0))

    def loss(self, chosen: Sequence[int]) -> torch.Tensor:
        batch = [self._lesson.training[i] for i in chosen]
        labels = self._featured.padded([whole.labels for whole in batch], IGNORE, left=False)[:, 1:]
        scored = labels != IGNORE
        inputs = self._featured.embedded(batch)
        hidden = self.base.model.model.language_model(**inputs, use_cache=False).last_hidden_state
        logits = self.base.model.lm_head(hidden[:, :-1][scored]).float()  # (N, V + 1)
        losses = F.cross_entropy(logits, labels[scored], reduction="none")
        share = (1 / scored.sum(1, keepdim=True)).expand_as(scored)[scored]  # every sample weighs the same
        return (losses * share).sum() / len(batch)

    def says_yes(self, chosen: Sequence[int]) -> list[bool]:
        answers = []
        for start in range(0, len(chosen), AT_ONCE):
            batch = [self._lesson.validation[i] for i in chosen[start : start + AT_ONCE]]
            scores = self._featured.scores(batch)
            answers += (scores[:, self._yes] > scores[:, self._no]).tolist()
        return answers
