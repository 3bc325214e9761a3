"""A session: which subjects are loaded, which photo is looked at, and one question's answer.

Owns soft prompts by the names that questions mention, and the photo's prefix. Does not own where questions
come from (`repl`).
"""

from collections.abc import Callable, Sequence

from PIL import Image

from common import vlm
from common.core import crop, progress
from common.core.errors import UserError
from common.core.foreign import UNKNOWN, plain
from common.core.names import NAME, refuse_others
from common.vlm import families

MAX_NEW_TOKENS = 128  # a long sentence or two; answers end by themselves


class Session:
    """Greedy answers about one photo or none; each question stands alone.

    A question is told about every subject that it names, and about the first one if it names none.
    """

    def __init__(
        self,
        base: vlm.Base,
        load: Callable[[str], vlm.SoftPrompt],
        first: str,
        subjects: Sequence[str],
        image: Image.Image | None = None,
    ) -> None:
        """Load the first subject's soft prompt; others of `subjects` when they are named."""
        self.base, self.first, self.subjects = base, first, list(subjects)
        self._load, self._prompts = load, {first: load(first)}
        self.look_at(image)

    def look_at(self, image: Image.Image | None) -> None:
        """Session about this photo from now on, or about none; say so if its sides are not seen."""
        if image and families.cuts(self.base.processor) and crop.off_square(image.size):
            progress.say(crop.sentence("of this photo,", self.base.name))
        self.prefixes = vlm.encode_prefixes(self.base, [image] if image else [])

    def ask(self, question: str) -> vlm.Answer:
        """Answer one question, with the probabilities of Yes and No as its first token.

        Raises UserError if the question is not UTF-8, names somebody who is not listed or not trained, or
        holds a special token.
        """
        if UNKNOWN in plain(question):
            raise UserError(f"the question {plain(question)!r} is not plain UTF-8 text: type it again")
        refuse_others(self.subjects, question)
        named = list(dict.fromkeys(name[1:-1] for name in NAME.findall(question))) or [self.first]
        for name in named:
            if name not in self._prompts:
                self._prompts[name] = self._load(name)
        prompts = tuple(self._prompts[name] for name in named)
        query = vlm.Query(question, 0 if len(self.prefixes) else None, prompts if named[1:] else prompts[0])
        return vlm.answer(self.base, [query], self.prefixes, max_new_tokens=MAX_NEW_TOKENS, batch_size=1)[0]
