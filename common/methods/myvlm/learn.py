"""A vector after a photo's image tokens: owns its length, the loss and its attention penalty.

All weights are frozen. Everything before the vector is a kept prefix, so a step computes the vector, what
follows it and the answer, about 30 of 600 positions in LLaVA-1.5, with the same numbers as the forward over
everything (tests/unit/test_myvlm_exact.py). In LLaVA-1.6 it stands behind the tokens of all tiles, where the
published code shows the model one square of 336 pixels alone. Does not own the steps (`optimize`), texts
(`training_pairs`) or files (`concept`).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image

from common import vlm
from common.core.errors import UserError
from common.methods.myvlm.optimize import Losses, Prepare
from common.methods.myvlm.settings import Embeddings
from common.methods.myvlm.training_pairs import Pair
from common.vlm.attention import attention_weights
from common.vlm.forward import hidden_states
from common.vlm.image_suffix_tokens import appended_ids, appended_rows, through_image
from common.vlm.packing import pad_left, segment_ids_of
from common.vlm.prefix import image_features
from common.vlm.suffix import IGNORE


def after_image_tokens(base: vlm.Base, recipe: Embeddings, batch_size: int, title: str) -> Prepare:
    """Losses of a vector that stands after the image tokens, as long as `recipe.norm` says.

    `batch_size` is the number of photos per forward of the prefixes; the title is that of their progress bar.
    """

    def prepare(
        views: Sequence[Image.Image], pairs: Sequence[Pair], steps: Sequence[Sequence[int]]
    ) -> Losses:
        suffixes = [vlm.suffix(base, None, *pair) for pair in pairs]
        first = steps[0][0]  # of the steps to come: after a resumption not the first of all views
        prefixes = vlm.encode_prefixes(base, views[first:], batch_size, progress=f"{title}: views")
        # of every view, for in batches of others the last bits are others
        lengths = token_lengths(base, views, recipe.norm, batch_size).to(base.device)
        shown = prefixes.batches([[view - first for view in step] for step in steps])

        def of_step(step: Sequence[int], direction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            vectors = direction * lengths[step].unsqueeze(-1)  # (B, D)
            return losses(
                base, next(shown), [suffixes[i] for i in step], vectors.unsqueeze(1), recipe.penalty
            )

        return of_step

    return prepare


def losses(
    base: vlm.Base,
    prefixes: vlm.PrefixBatch,
    suffixes: Sequence[vlm.Suffix],
    vectors: torch.Tensor,
    penalty: str,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy, the mean over all answer tokens, and attention penalty.

    Args:
        base: the model.
        prefixes: of the B photos.
        suffixes: B suffixes with answers.
        vectors: (B, 1, D) float32, appended to the image tokens as they are.
        penalty: paid, of the attention that the vector pays to what it sees, or received, of the attention
            that it gets: from itself and all that follows.

    Returns:
        Both () float32. The penalty is the sum over layers and samples of the mean over heads and positions
        of the squared attention weights: as coded for LLaVA, ``paid``; the paper says
        ``received``. Positions are all of the sample's, also those that the mask keeps from attending.

    """
    first = appended_ids(base, 1)
    before = through_image(base, prefixes)
    rows = [first + suffix.ids for suffix in suffixes]
    ids, segment_ids = pad_left(rows, 0), segment_ids_of(rows)  # (B, S)
    labels = pad_left([[IGNORE] * len(first) + suffix.labels for suffix in suffixes], IGNORE)
    ids, segment_ids, labels = (vlm.to_device(tensor, base.device) for tensor in (ids, segment_ids, labels))
    place = ids.shape[1] - segment_ids.sum(1)  # (B,): of the vector within the suffix
    segment_ids = torch.cat([before.attention_mask, segment_ids], 1)  # (B, P + S)
    with attention_weights(base) as weights:
        hidden = hidden_states(
            base, ids, appended_rows(base, vectors), before.cache(), segment_ids
        )  # (B, S, D)
    answered = labels[:, 1:] != IGNORE
    logits = base.model.lm_head(hidden[:, :-1][answered]).float()
    loss = F.cross_entropy(logits, labels[:, 1:][answered])

    samples = torch.arange(len(ids), device=base.device)
    column = place + before.attention_mask.shape[1]
    each = torch.zeros(len(ids), device=base.device)
    for layer in weights:  # (B, H, S, P + S)
        row = layer[samples, :, place] if penalty == "paid" else layer[samples, :, :, column]
        each = each + row.float().square().sum(-1).mean(-1)
    return loss, (each / segment_ids.sum(1)).sum()


@torch.no_grad()
def token_lengths(base: vlm.Base, images: Sequence[Image.Image], norm: str, batch_size: int) -> torch.Tensor:
    """How long a vector appended to the image tokens of each of n images shall be, (n,) float32 on the CPU.

    patch: as the first projected image token (as coded for LLaVA). mean: as they are on average (as coded for
    MiniGPT-v2). cls: as the vision tower's [CLS] before projection (the paper, for LLaVA); of LLaVA-1.6 that
    of the whole image, not of its tiles. Images may have different numbers of image tokens.

    Raises UserError for cls if the base's vision tower has none.
    """
    if norm != "cls":
        seen = image_features(base, images, batch_size)
        lengths = [tokens.norm(dim=-1) for tokens, *_ in seen]  # (P,) of each image
        return torch.stack([each[0] if norm == "patch" else each.mean() for each in lengths])
    batches = (images[start : start + batch_size] for start in range(0, len(images), batch_size))
    return torch.cat([_class_token(base, batch).float().norm(dim=-1).cpu() for batch in batches])


def _class_token(base: vlm.Base, images: Sequence[Image.Image]) -> torch.Tensor:
    """(B, vision width), from the layer that image tokens are taken from."""
    config = base.model.config
    if config.model_type not in ("llava", "llava_next") or config.vision_feature_select_strategy != "default":
        raise UserError(f"{base.name} has no [CLS] in its vision tower: set norm to patch or mean")
    pixels = base.processor.image_processor(list(images), return_tensors="pt").pixel_values
    if config.model_type == "llava_next":  # (B, tiles, 3, side, side), first the whole image
        pixels = pixels[:, 0]
    seen = base.model.model.vision_tower(
        vlm.to_device(pixels.to(base.model.dtype), base.device), output_hidden_states=True
    )
    return seen.hidden_states[config.vision_feature_layer][:, 0]
