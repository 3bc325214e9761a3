"""The assistant: the models, what each method knows of a subject, and answers to single questions.

Several conversations may share one, from several threads: whoever uses a model holds `lock`.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from common import methods, vlm
from common.assistant.learned_prompts import LearnedPrompts, Nothing
from common.assistant.recognition import Recognition
from common.core import images, paths, seed
from common.core.errors import UserError
from common.core.foreign import UNKNOWN, plain
from common.core.names import NAME, refuse_others
from common.methods.interface import (
    PHOTO,
    TITLES,
    Backbones,
    Checkpoints,
    InPrompt,
    Photos,
    Request,
    Responder,
    Task,
)
from common.methods.respond import answer_all
from common.prompts.evaluation import recognition_question
from common.prompts.recognition import asks_presence
from common.vlm.soft_prompt import INFO

if TYPE_CHECKING:
    from PIL import Image

    from common.core.params import Params

BASE = "base"  # the frozen model, which is told nothing


class Assistant:
    """Answers about subjects, by any method of params.yaml.

    Attributes:
        subjects: id → kind, all that may be named.
        titles: method → what people call it; the soft prompt first, the base last.
        lock: held by whoever uses a model; some methods change its weights while they answer.

    """

    def __init__(
        self,
        backbones: Backbones,
        subjects: Mapping[str, str],
        sections: methods.Sections,
        decoding: vlm.Decoding,
        history: int,
    ) -> None:
        """Load nothing yet.

        Args:
            backbones: the models.
            subjects: id → kind.
            sections: those under `methods` in params.yaml.
            decoding: how answers are decoded where a question does not say.
            history: turns of a conversation that are kept, at most.

        """
        self.backbones, self.subjects, self.sections = backbones, dict(subjects), sections
        self.decoding, self.history = decoding, history
        self.titles = {
            paths.SOFT_PROMPT: TITLES[paths.SOFT_PROMPT],
            **{name: str(section.get("title", name)) for name, section in sections.items()},
            BASE: TITLES[BASE],
        }
        self.lock = threading.RLock()
        self._opened: dict[str, Responder | InPrompt] = {}

    @classmethod
    def of(cls, p: "Params") -> "Assistant":
        """Assistant that params.yaml describes, its random streams and threads set."""
        from common.methods.backbones import lazy_backbones

        seed.seed_everything(p.seed, p.threads)
        clip, device = p.base.clip, p.base.device
        backbones = lazy_backbones(p.base.load_kwargs, clip.model, clip.revision, p.seed, device.batch_size)
        kinds = {name: subject.kind for name, subject in p.subjects.items()}
        decoding = vlm.Decoding(p.chat.max_new_tokens, p.chat.temperature, p.chat.top_p, p.seed)
        return cls(backbones, kinds, p.methods, decoding, p.chat.history)

    @property
    def base(self) -> vlm.Base:
        """The frozen model, loaded when first asked for."""
        with self.lock:
            return self.backbones.base()

    def trained(self) -> list[str]:
        """Ids of the subjects whose soft prompts are there."""
        return [name for name in self.subjects if (paths.subject_model(name) / INFO).is_file()]

    def learned(self, name: str) -> list[str]:
        """Ids of the subjects that a method has learned; of the base none."""
        name = name.partition("@")[0]
        if name in (paths.SOFT_PROMPT, BASE):
            return self.trained() if name == paths.SOFT_PROMPT else []
        there = {path.name for path in paths.fitted(name).glob("*")}
        # where none has a folder of its own, as with one adapter for all, they were learned together
        return [s for s in self.subjects if s in there] or (list(self.subjects) if there else [])

    def check_learned(self, name: str, subjects: Sequence[str]) -> None:
        """Raise UserError if a method has not learned one of these subjects; the base need not."""
        missing = [subject for subject in subjects if name != BASE and subject not in self.learned(name)]
        if missing:
            fitted = f"fit_baseline@{name.partition('@')[0]}"
            stage = f"train@{missing[0]}" if name == paths.SOFT_PROMPT else fitted
            raise UserError(f"{name} has not learned {missing[0]} yet: run `dvc repro {stage}`")

    def method(self, name: str) -> Responder | InPrompt:
        """What answers under this name; UserError for one that is none.

        ``myvlm@25`` is a method after 25 steps, ``soft_prompt@3`` soft prompts after three epochs.
        """
        plain_name, _, step = name.partition("@")
        if plain_name not in self.titles:
            raise UserError(f"{name} is no method of {paths.PARAMS}: use one of {', '.join(self.titles)}")
        if step:
            return self._after(plain_name, step)
        if name not in self._opened:
            if name == BASE:
                self._opened[name] = Nothing()
            elif name == paths.SOFT_PROMPT:
                self._opened[name] = LearnedPrompts(self.base)
            else:
                self._opened[name] = methods.prepare(name, self.sections, self.backbones)
        return self._opened[name]

    def _after(self, name: str, step: str) -> Responder | InPrompt:
        method = self.method(name)
        if not isinstance(method, Checkpoints | LearnedPrompts) or not step.isdecimal():
            raise UserError(f"{name} keeps no checkpoint {step}: ask {name}")
        return method.at_checkpoint(int(step))

    def named(self, text: str) -> list[str]:
        """Ids of the subjects that a text names, in its order.

        Raises UserError if it names somebody unknown, or is no UTF-8.
        """
        if UNKNOWN in plain(text):
            raise UserError(f"the question {plain(text)!r} is not plain UTF-8 text: type it again")
        refuse_others(list(self.subjects), text)
        return list(dict.fromkeys(name[1:-1] for name in NAME.findall(text)))

    def request(
        self, name: str, subjects: Sequence[str], question: str, photo: str | None, max_new_tokens: int
    ) -> Request:
        """A question that stands alone, for `answer_all` and `reply_all`; errors as of `named`.

        Args:
            name: of the method.
            subjects: who is in place, beside those that the question names.
            question: plain text.
            photo: key among the photos; None if it is about none.
            max_new_tokens: of the answer.

        """
        there = tuple(dict.fromkeys([*subjects, *self.named(question)]))
        present = len(there) == 1 and photo is not None and asks_presence(question, f"<{there[0]}>")
        return Request(
            Task("recognition" if present else "chat", max_new_tokens), name, there, photo, question
        )

    def answer_all(self, name: str, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Answer questions that stand alone, greedily and as `evaluate` does, in the order of `requests`.

        Args:
            name: of the method.
            photos: by the keys that requests name.
            requests: what is asked, whatever method they say.

        Raises UserError if a subject is unknown or not learned, or a photo is none.

        """
        with self.lock:
            method = self.method(name)
            if isinstance(method, Responder):
                return method.answers(photos, [request._replace(method=name) for request in requests])
            known = {subjects: method.definition(subjects) for subjects in {r.subjects for r in requests}}
            definitions = [known[request.subjects] for request in requests]
            return answer_all(self.base, photos, requests, definitions, self.backbones.batch_size)

    def recognize(
        self, image: "Image.Image", subjects: Sequence[str], name: str = paths.SOFT_PROMPT
    ) -> dict[str, Recognition]:
        """Ask of each subject whether the photo shows it, with the question of the recognition test."""
        task = Task("recognition", self.decoding.max_new_tokens)
        requests = [Request(task, name, (s,), PHOTO, recognition_question(s)) for s in subjects]
        answers = self.answer_all(name, {PHOTO: images.png(image)}, requests)
        return {s: Recognition.of(answer) for s, answer in zip(subjects, answers, strict=True)}
