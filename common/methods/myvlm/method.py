"""Fits heads and vectors to subjects, and answers with the vectors of those that the heads see."""

from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial

import numpy as np

from common import vlm
from common.clip import Clip
from common.core import images, progress
from common.methods.interface import Checkpoints, Cost, Method, MethodSubject, Photos, Request
from common.methods.myvlm.captioner import Captioner, load
from common.methods.myvlm.captions import answer_captioner
from common.methods.myvlm.concept import Concept, PlacedRequest, answer_placed, stored_bytes
from common.methods.myvlm.features import FeatureExtractor, load_clip
from common.methods.myvlm.fitting import ConceptData, fit_head, fit_vector, refuse_untaught
from common.methods.myvlm.fitting_state import FittingState
from common.methods.myvlm.settings import MyVLMSettings
from common.methods.myvlm.training_pairs import Identifier
from common.methods.respond import answer_all
from common.training.curves import Curves


class MyVLM(Method, Checkpoints):
    """A folder per subject, with the files of `concept`."""

    settings: MyVLMSettings
    step: int | None = None  # after which the vectors are taken; None for what the settings say

    def at_checkpoint(self, step: int) -> "MyVLM":
        """See `Checkpoints`; MyVLM's own files count the last step from 0."""
        at_step = copy(self)
        at_step.step = step
        return at_step

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Train heads on photos and negatives, learn vectors from captions or questions.

        Raises UserError, before any training, if the conversations of a subject teach nothing.
        """
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

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Recognition by the heads; all else by the base, with the vectors of the concepts that they see."""
        concepts = {
            s: self._read(s) for s in dict.fromkeys(s for request in requests for s in request.subjects)
        }
        chances = self._chances(photos, requests, concepts)
        answers: dict[int, vlm.Answer] = {}
        placed: dict[int, PlacedRequest] = {}
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
                named = [concepts[subject].identifier for subject in request.subjects] if seen else []
                placed[number] = PlacedRequest(request, seen, named)
        answers |= dict(zip(placed, self._ask(photos, list(placed.values())), strict=True))
        return [answers[number] for number in range(len(requests))]

    @property
    def model_key(self) -> str:
        """Where params.yaml names the model that vectors are placed in."""
        return f"methods.{self.name}.captioner" if self.settings.captioner else "base.vlm"

    @property
    def backbone_key(self) -> str:
        """Where params.yaml names, or may name, the CLIP of heads apart from the base's."""
        return f"methods.{self.name}.head.backbone"

    def model(self) -> vlm.Base | Captioner:
        """What the vectors are placed in."""
        if self.settings.captioner is None:
            return self.backbones.base()
        chosen, device = self.settings.captioner, self.backbones.clip().device
        return load(self.model_key, chosen.model, chosen.revision, chosen.dtype, device)

    def clip(self) -> Clip:
        """What heads see photos with, people's faces apart: base.clip, or their own."""
        chosen, base_clip = self.settings.head.backbone, self.backbones.clip()
        if chosen is None:
            return base_clip
        return load_clip(chosen.model, chosen.revision, base_clip.device, self.backbone_key)

    def _ask(self, photos: Photos, placed: Sequence[PlacedRequest]) -> list[vlm.Answer]:
        """Ask the model, with the vectors of concepts in place, or as it is; see `concept.answer_placed`."""
        model, batch_size = self.model(), self.backbones.batch_size
        if isinstance(model, Captioner):
            return answer_captioner(model, photos, placed, batch_size)
        plain = [each.request for each in placed if not each.concepts]
        unchanged = iter(answer_all(model, photos, plain, [None] * len(plain), batch_size, self.name))
        seen = [each for each in placed if each.concepts]
        changed = iter(answer_placed(model, photos, seen, batch_size))
        return [next(changed if each.concepts else unchanged) for each in placed]

    def cost(self, name: str, subject: str) -> Cost:
        """The vector and a linear head are learned; a question becomes longer by the vector."""
        concept = self._read(subject)
        learned = concept.values.numel() + concept.head.trainable
        longer = 0 if self.settings.captioner else len(concept.values)
        return Cost(learned, stored_bytes(self.folder / subject), longer)

    def word(self, subject: str, kind: str) -> Identifier:
        """How the model's texts call this subject."""
        chosen = self.settings
        return Identifier.of(subject, chosen.person_identifier if kind == "person" else chosen.identifier)

    def info(self, base: vlm.Base | Captioner) -> dict[str, str]:
        """What a concept's file says of how it was learned."""
        chosen = self.settings
        return {"base": base.fingerprint, "mode": chosen.mode, "norm": chosen.embedding.norm}

    def _chances(
        self, photos: Photos, requests: Sequence[Request], concepts: Mapping[str, Concept]
    ) -> dict[str, dict[str, np.ndarray]]:
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

    def _features(self) -> FeatureExtractor:
        return FeatureExtractor(self.clip, self.settings.face_model)

    def _read(self, subject: str) -> Concept:
        chosen = self.settings.checkpoint if self.step is None else self.step
        return Concept.load(self.folder / subject, self.model(), chosen)


METHOD = MyVLM
