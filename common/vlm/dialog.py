"""A conversation whose KV cache holds the turns so far, and the words of an answer as they come.

Each turn is read once; the next one begins from its keys and values, behind the prefix of the photo. A first
turn, decoded greedily, is answered as `answer` does it, token for token.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from PIL import Image

from common.vlm.answer import Answer, end_names
from common.vlm.context import ContextFullError
from common.vlm.families import check_interleaved
from common.vlm.forward import hidden_states
from common.vlm.interleaved import image_rows
from common.vlm.learned_rows import LearnedRows
from common.vlm.memory import to_device
from common.vlm.prefix import Prefixes, image_tokens
from common.vlm.soft_prompt import SoftPrompt
from common.vlm.suffix import Definition, soft_prompts, suffix

if TYPE_CHECKING:
    from common.vlm.load import Base

# An answer that says one to eight tokens so many times in a row says nothing more.
REPEATS, LONGEST_REPEAT = 4, 8
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")  # a piece that is a byte, of SentencePiece


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen, and how many at most.

    Attributes:
        max_new_tokens: at least 1.
        temperature: what logits are divided by; 0 for the most probable token.
        top_p: tokens are drawn from the most probable ones that together have this probability.
        seed: of the draws; the same conversation and seed give the same answer.

    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


class Dialog:
    """Turns about one photo or none, one after another."""

    def __init__(self, base: "Base", prefixes: Prefixes, image: int | None) -> None:
        """Begin behind the prefix of this image, or of none."""
        self.base, self._with_image = base, image is not None
        (self._prefix,) = prefixes.batches([[image]])
        self._cache, self._segment_ids = self._prefix.cache(), self._prefix.attention_mask
        self._prompts: tuple[SoftPrompt, ...] = ()
        self._unread: list[int] = []  # what was said last, which the cache does not hold yet
        self.turns = 0

    @property
    def length(self) -> int:
        """Positions so far, the answer's last token left out."""
        return self._segment_ids.shape[1]

    def ask(
        self,
        question: str,
        definition: Definition = None,
        image: Image.Image | None = None,
        *,
        decoding: Decoding,
        options: Sequence[str] = ("Yes", "No"),
    ) -> Iterator[Answer]:
        """Put the next question; give the answer so far each time that its text grew, the last one whole.

        An iteration that is left early ends the answer there, and the next turn goes on from it.

        Args:
            question: plain text; subjects that were defined, now or before, as their tokens ``<bo>``.
            definition: of those who were not defined before; None if there are none.
            image: a photo that a later turn brings; the first one's was given at the beginning.
            decoding: how tokens are chosen.
            options: answers whose probabilities are wanted.

        Raises:
            ContextFullError: question and answer do not fit into the positions that the model has left.
            UserError: a text holds a special token, or the model's family cannot see photos in later turns.
                In both cases the dialog is as it was.

        """
        option_ids = [self.base.layout.first_id(option) for option in options]
        ids, photos = self._turn(question, None, definition, image, decoding.max_new_tokens)
        learned = LearnedRows.of(self.base, [self._prompts])
        logits = self._read(ids, learned, photos)
        return self._answer(logits, learned, decoding, logits[0, option_ids].softmax(-1).tolist())

    def tell(
        self, question: str, answer: str, definition: Definition = None, image: Image.Image | None = None
    ) -> None:
        """Read a turn that was had elsewhere; arguments and errors as of `ask`."""
        ids, photos = self._turn(question, answer, definition, image, 0)
        self._read(ids[:-1], LearnedRows.of(self.base, [self._prompts]), photos)
        # the end token comes with the next turn

    def _turn(
        self,
        question: str,
        answer: str | None,
        definition: Definition,
        image: Image.Image | None,
        max_new_tokens: int,
    ) -> tuple[list[int], torch.Tensor | None]:
        """Ids to be read next, and image tokens (N, D) among them; the definition is then in place."""
        photo = None
        if self.turns:
            if image:
                check_interleaved(self.base.name, self.base.model.config.model_type)
                photo = image_tokens(self.base, [image])
            asked = suffix(self.base, definition, question, answer, earlier=self._prompts, photo=photo)
            photos = None if asked.photos is None else asked.photos.flatten(0, -2)
        else:
            asked = suffix(self.base, definition, question, answer, image=self._with_image)
            photos = image_rows([asked.photos], self._prefix)
        positions = self.base.model.config.get_text_config().max_position_embeddings
        needed = self.length + len(self._unread) + len(asked.ids) + max_new_tokens
        if needed > positions:
            raise ContextFullError(
                f"question and answer, with what was said before, need {needed} positions, and "
                f"{self.base.name} has {positions}: ask something shorter, or begin anew"
            )
        self.turns += 1
        self._prompts += soft_prompts(definition)
        return self._unread + asked.ids, photos

    def _answer(
        self, logits: torch.Tensor, learned: LearnedRows, decoding: Decoding, probabilities: list[float]
    ) -> Iterator[Answer]:
        base, draws = self.base, torch.Generator().manual_seed(decoding.seed)
        said: list[int] = []
        text = ""
        while True:
            chosen = choose(end_names(base, logits, [said]), decoding, draws)
            (token,) = learned.ids(base, chosen).tolist()
            if token in base.end_ids:
                break
            said.append(token)
            self._unread = [token]
            if len(said) == decoding.max_new_tokens or runs_on(said):
                break
            grown = base.layout.decode(said, base.vocab_size, self._prompts)
            if grown != text and not self._unfinished(token, grown):
                text = grown
                yield Answer(text, tuple(probabilities))
            logits = self._read([token], learned)
        cut_off = token not in base.end_ids
        yield Answer(base.layout.decode(said, base.vocab_size, self._prompts), tuple(probabilities), cut_off)

    def _unfinished(self, token: int, text: str) -> bool:
        """Whether the last letter may become another one when more bytes of it come."""
        if text.endswith("\ufffd"):
            return True
        piece = (
            self.base.layout.tokenizer.convert_ids_to_tokens(token) if token < self.base.vocab_size else ""
        )
        return bool(_BYTE.fullmatch(piece or ""))

    @torch.inference_mode()
    def _read(self, ids: list[int], learned: LearnedRows, photos: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (1, V + M) float32 behind these tokens, which the cache then holds."""
        tokens = to_device(torch.tensor([ids]), self.base.device)
        self._unread = []
        self._segment_ids = torch.cat([self._segment_ids, torch.ones_like(tokens)], 1)
        hidden = hidden_states(self.base, tokens, learned, self._cache, self._segment_ids, photos)
        return learned.logits(self.base, hidden[:, -1])


def choose(logits: torch.Tensor, decoding: Decoding, draws: torch.Generator) -> torch.Tensor:
    """Choose the next tokens, (B,) int64, from logits (B, V) float32."""
    if not decoding.temperature:
        return logits.argmax(-1)
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    unread = torch.empty(0, dtype=torch.int64)  # what both are given of the text, and do not look at
    logits = TemperatureLogitsWarper(decoding.temperature)(unread, logits.cpu())
    logits = TopPLogitsWarper(decoding.top_p)(unread, logits)
    return torch.multinomial(logits.softmax(-1), 1, generator=draws).squeeze(1).to(logits.device)


def runs_on(ids: Sequence[int]) -> bool:
    """Whether the last tokens say the same thing `REPEATS` times in a row."""
    return any(
        len(ids) >= REPEATS * size and list(ids[-REPEATS * size :]) == list(ids[-size:]) * REPEATS
        for size in range(1, LONGEST_REPEAT + 1)
    )
