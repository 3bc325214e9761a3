"""MyVLM (Alaluf et al., ECCV 2024): a head tells whether a concept is there, a vector then tells who it is.

The model stays frozen and gets no new token. A concept head outside it looks at the photo; if it fires, one
learned vector is appended to the photo's image tokens, and the model, asked with an ordinary word for the
subject, answers with it in view. If no head fires, the answer is that of the base, number for number, to the
question as it stands.

Recognition is the head's decision; the language model is not asked. Without a photo there is nothing for a
head to fire at and nothing to append to, so the base answers, which has never heard of the subject: this
blind spot is the published method's and not a gap here. Several subjects in one photo have their vectors
appended one after another.

With a `captioner`, BLIP-2 takes the base's place, and the vector stands before its Q-Former. It captions
unasked, so that whether it says the name is up to the vector alone; else it is asked as its authors ask it.
Referring expressions are a question to a base of MiniGPT-v2's family (`commands.refer`).

Written from the paper and from facts about the published code; params.yaml says where these differ.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

from common.core import images, progress
from common.core.settings import MethodSettings
from common.methods.interface import Checkpoints, Cost, Method, MethodSubject, Photos, Request
from common.methods.myvlm.settings import MyVLMSettings

if TYPE_CHECKING:
    import numpy as np

    from common import vlm
    from common.clip import Clip
    from common.methods.myvlm.captioner import Captioner
    from common.methods.myvlm.concept import Concept
    from common.methods.myvlm.features import FeatureExtractor
    from common.methods.myvlm.training_pairs import Identifier


class MyVLM(Method, Checkpoints):
    """A folder per subject, with the files of `concept`."""

    Settings = MyVLMSettings
    settings: MyVLMSettings
    step: int | None = None  # after which the vectors are taken; None for what the settings say

    def at(self, step: int) -> "MyVLM":
        """See `Checkpoints`; MyVLM's own files count the last step from 0."""
        found = copy(self)
        found.step = step
        return found

    @classmethod
    def needs_named_captions(cls, settings: MethodSettings) -> bool:
        """It does, unless it learns from questions as well."""
        return isinstance(settings, MyVLMSettings) and settings.mode == "captioning"

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Train heads on photos and negatives, learn vectors from captions or questions.

        Raises UserError, before any training, if the conversations of a subject teach nothing.
        """
        from common.methods.myvlm.concept import Concept
        from common.methods.myvlm.fitting import ConceptData, fit_head, fit_vector, refuse_untaught
        from common.methods.myvlm.fitting_state import FittingState
        from common.training.curves import Curves

        words = {subject.id: self.word(subject.id, subject.kind) for subject in subjects}
        refuse_untaught(subjects, words, self.name, self.settings)
        base, chosen, seed, features = self.model(), self.settings, self.backbones.seed, self._features()
        states = []
        for subject in progress.bar(subjects, self.name):
            data, word = ConceptData.of(subject), words[subject.id]
            curves = Curves(f"{self.name}/{subject.id}")
            states.append(state := FittingState.of(self, base, features, subject))
            head, keys, split = state.head(partial(fit_head, subject, data, features, chosen, seed, curves))
            vectors = fit_vector(
                base, subject, data, word, chosen, seed, self.backbones.batch_size, curves, state
            )
            concept = Concept(word, head, keys, vectors[chosen.embedding.steps], self.info(base))
            concept.save(self.folder / subject.id, vectors, split)
        for state in states:  # not before all are there: DVC empties the folder of a killed run
            state.checkpoint.remove()

    def answers(self, photos: Photos, requests: Sequence[Request]) -> "list[vlm.Answer]":
        """Recognition by the heads; all else by the base, with the vectors of the concepts that they see."""
        from common import vlm

        concepts = {
            s: self._read(s) for s in dict.fromkeys(s for request in requests for s in request.subjects)
        }
        chances = self._chances(photos, requests, concepts)
        answers: dict[int, vlm.Answer] = {}
        placed: dict[int, list[Concept]] = {}
        for number, request in enumerate(requests):
            seen = [
                concepts[subject]
                for subject in request.subjects
                if request.photo is not None
                and chances[subject][request.photo] >= concepts[subject].head.level
            ]
            if request.task.kind == "recognition":
                chance = float(chances[request.subjects[0]][request.photo])
                answers[number] = vlm.Answer("Yes" if seen else "No", (chance, 1 - chance))
            else:
                placed[number] = seen
        named = [
            [concepts[subject].identifier for subject in requests[n].subjects] if seen else []
            for n, seen in placed.items()
        ]
        found = self._ask(photos, [requests[n] for n in placed], list(placed.values()), named)
        answers |= dict(zip(placed, found, strict=True))
        return [answers[number] for number in range(len(requests))]

    @property
    def model_key(self) -> str:
        """Where params.yaml names the model that vectors are placed in."""
        return f"methods.{self.name}.captioner" if self.settings.captioner else "base.vlm"

    @property
    def backbone_key(self) -> str:
        """Where params.yaml names, or may name, the CLIP of heads apart from the base's."""
        return f"methods.{self.name}.head.backbone"

    def model(self) -> "vlm.Base | Captioner":
        """What the vectors are placed in."""
        if self.settings.captioner is None:
            return self.backbones.base()
        from common.methods.myvlm.captioner import load

        chosen, device = self.settings.captioner, self.backbones.clip().device
        return load(self.model_key, chosen.model, chosen.revision, chosen.dtype, device)

    def clip(self) -> "Clip":
        """What heads see photos with, people's faces apart: base.clip, or their own."""
        chosen, base_clip = self.settings.head.backbone, self.backbones.clip()
        if chosen is None:
            return base_clip
        from common.methods.myvlm.features import load_clip

        return load_clip(chosen.model, chosen.revision, base_clip.device, self.backbone_key)

    def _ask(
        self,
        photos: Photos,
        requests: Sequence[Request],
        placed: "Sequence[Sequence[Concept]]",
        named: "Sequence[Sequence[Identifier]]",
    ) -> "list[vlm.Answer]":
        """Ask the model, with the vectors of concepts in place, or as it is; see `concept.answer_placed`."""
        from common.methods.myvlm.captioner import Captioner
        from common.methods.myvlm.captions import answer_captioner
        from common.methods.myvlm.concept import answer_placed
        from common.methods.respond import answer_all

        model, batch_size = self.model(), self.backbones.batch_size
        if isinstance(model, Captioner):
            return answer_captioner(model, photos, requests, placed, named, batch_size)
        plain, there = ([n for n, seen in enumerate(placed) if bool(seen) is some] for some in (False, True))
        nothing = [None] * len(plain)
        unchanged = answer_all(model, photos, [requests[n] for n in plain], nothing, batch_size, self.name)
        of_there = ([rows[n] for n in there] for rows in (requests, placed, named))
        changed = answer_placed(model, photos, *of_there, batch_size)
        answers = dict(zip(plain, unchanged, strict=True)) | dict(zip(there, changed, strict=True))
        return [answers[number] for number in range(len(requests))]

    def cost(self, name: str, subject: str) -> Cost:
        """The vector and a linear head are learned; a question becomes longer by the vector."""
        from common.methods.myvlm.concept import stored_bytes

        concept = self._read(subject)
        learned = concept.values.numel() + concept.head.trainable
        longer = 0 if self.settings.captioner else len(concept.values)
        return Cost(learned, stored_bytes(self.folder / subject), longer)

    def word(self, subject: str, kind: str) -> "Identifier":
        """How the model's texts call this subject."""
        from common.methods.myvlm.training_pairs import Identifier

        chosen = self.settings
        return Identifier.of(subject, chosen.person_identifier if kind == "person" else chosen.identifier)

    def info(self, base: "vlm.Base | Captioner") -> dict[str, str]:
        """What a concept's file says of how it was learned."""
        chosen = self.settings
        return {"base": base.fingerprint, "mode": chosen.mode, "norm": chosen.embedding.norm}

    def _chances(
        self, photos: Photos, requests: Sequence[Request], concepts: "Mapping[str, Concept]"
    ) -> "dict[str, dict[str, np.ndarray]]":
        """What each subject's head says of every photo that is asked about: subject → photo → P."""
        asked = {request.photo for request in requests}
        shown = [photo for photo in photos if photo in asked]
        pictures = [images.load_image(photos[photo]) for photo in shown]
        kinds = {concept.head.feature for concept in concepts.values()} if shown else ()
        features = {kind: self._features().of(kind, pictures) for kind in kinds}
        return {
            subject: dict(zip(shown, concept.head.probabilities(features[concept.head.feature]), strict=True))
            if shown
            else {}
            for subject, concept in concepts.items()
        }

    def _features(self) -> "FeatureExtractor":
        from common.methods.myvlm.features import FeatureExtractor

        return FeatureExtractor(self.clip, self.settings.face_model)

    def _read(self, subject: str) -> "Concept":
        from common.methods.myvlm.concept import Concept

        chosen = self.settings.checkpoint if self.step is None else self.step
        return Concept.load(self.folder / subject, self.model(), chosen)


METHOD = MyVLM
