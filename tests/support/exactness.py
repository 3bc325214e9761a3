"""Losses and gradients from the prefix cache, and by the plain forward over everything."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from common import vlm
from common.vlm.suffix import IGNORE
from tests.support.vlm_helpers import SHAPES, full_inputs, noise_images, resized

IMAGES = noise_images(3, SHAPES)
Sample = tuple[int | None, str, str]
SAMPLES: list[Sample] = [  # (image, question, answer)
    (0, "Can you see <bo> in this photo?", "Yes"),
    (2, "Is it <bo>?", "No, I do not see <bo> in this photo, it is a red ball next to a tree."),
    (None, "What color is <bo>?", "<bo> is brown."),
    (0, "Describe it.", "A cat."),
]
Case = tuple[int | None, vlm.Suffix]
Found = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # losses, gradients of the input and the output rows


def cases(base: vlm.Base, prompt: vlm.SoftPrompt, samples: Sequence[Sample] = SAMPLES) -> list[Case]:
    """Images and suffixes of samples, the texts made to speak of the prompt's subject."""
    made = []
    for image, *texts in samples:
        texts = [text.replace("<bo>", prompt.token) for text in texts]
        made.append((image, vlm.suffix(base, prompt, *texts, image=image is not None)))
    return made


def plain(base: vlm.Base, prompt: vlm.SoftPrompt, samples: Sequence[Case]) -> Found:
    """Losses and gradients of one subject's samples by the plain forward over everything."""
    model = resized(base, prompt).to(base.model.dtype)
    tables = model.get_input_embeddings().weight, model.lm_head.weight
    for table in tables:
        table.requires_grad_(True)
    losses = []
    for image, suffix in samples:
        inputs = full_inputs(base, None if image is None else IMAGES[image], suffix)
        logits = model(**inputs).logits[0, :-1].float()
        before = inputs["input_ids"].shape[1] - len(suffix.ids)
        labels = torch.tensor([IGNORE] * before + suffix.labels)[1:]
        losses.append(F.cross_entropy(logits, labels, ignore_index=IGNORE))
    torch.stack(losses).sum().backward()
    gradients = (table.grad[base.vocab_size :].float() for table in tables)
    return torch.stack(losses).detach(), *gradients


def ours(base: vlm.Base, prompts: Sequence[vlm.SoftPrompt], samples: Sequence[Case]) -> list[Found]:
    """The same from the prefixes, in one forward, for each of the subjects that these samples are about."""
    leaves = {
        p: vlm.SoftPrompt(
            p.subject, *(rows.clone().requires_grad_(True) for rows in (p.embeddings, p.output_row))
        )
        for p in prompts
    }
    losses = losses_of(base, [leaves[prompt] for prompt in prompts], samples)
    losses.sum().backward()
    assert all(parameter.grad is None for parameter in base.model.parameters())
    found = []
    for prompt, leaf in leaves.items():
        own = torch.tensor([other is prompt for other in prompts])
        assert leaf.embeddings.grad.dtype == leaf.output_row.grad.dtype == torch.float32
        found.append((losses.detach()[own], leaf.embeddings.grad, leaf.output_row.grad))
    return found


def losses_of(base: vlm.Base, prompts: Sequence[vlm.SoftPrompt], samples: Sequence[Case]) -> torch.Tensor:
    batch = vlm.encode_prefixes(base, IMAGES, 2).batch([image for image, _ in samples])
    return vlm.suffix_loss(base, batch, [suffix for _, suffix in samples], prompts)


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return ((actual - expected).norm() / expected.norm()).item()
