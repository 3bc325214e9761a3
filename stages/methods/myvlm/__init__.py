"""MyVLM (Alaluf et al., ECCV 2024): a head tells whether a concept is there, a vector then tells who it is.

The model stays frozen and gets no new token. A concept head outside it looks at the photo; if it fires, one
learned vector is appended to the photo's image tokens, and the model, asked with an ordinary word for the
subject, answers with it in view. If no head fires, the answer is that of the base, number for number, to the
question as it stands.

Recognition is the head's decision; the language model is not asked. Without a photo there is nothing for a
head to fire at and nothing to append to, so the base answers, which has never heard of the subject: this
blind spot is the published method's and not a gap here. Several subjects in one photo have their vectors
appended one after another.

Written from the paper and from facts about the published code; params.yaml says where these differ. Of its
variants LLaVA's is here. BLIP-2's, inside a Q-Former, and referring expressions with MiniGPT-v2 are not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.core import images, progress
from stages.methods.interface import Ask, Cost, Method, Subject
from stages.methods.myvlm.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from stages import vlm
    from stages.methods.myvlm.concept import Concept
    from stages.methods.myvlm.signals import Signals


class MyVLM(Method):
    """A folder per subject, with the files of `concept`."""

    Settings = Settings
    settings: Settings

    def fit(self, subjects: Sequence[Subject]) -> None:
        """Train heads on photos and negatives, learn vectors from captions or questions."""
        from stages.methods.myvlm.concept import Concept
        from stages.methods.myvlm.fitting import Material, fit_head, fit_vector
        from stages.methods.myvlm.lessons import Identifier

        base, chosen, seed = self.tools.base(), self.settings, self.tools.seed
        for subject in progress.bar(subjects, self.name):
            material = Material.of(subject)
            head, keys, split = fit_head(subject, material, self._signals(), chosen, seed)
            person = subject.kind == "person"
            word = Identifier.of(subject.id, chosen.person_identifier if person else chosen.identifier)
            vectors = fit_vector(base, subject, material, word, chosen, seed, self.tools.batch_size)
            info = {"base": base.fingerprint, "mode": chosen.mode, "norm": chosen.embedding.norm}
            concept = Concept(word, head, keys, vectors[chosen.embedding.steps], info)
            concept.save(self.folder / subject.id, vectors, split)

    def answers(self, photos: Sequence[Path | bytes], asks: Sequence[Ask]) -> "list[vlm.Answer]":
        """Recognition by the heads; all else by the base, with the vectors of the concepts that they see."""
        from stages import vlm
        from stages.methods.ask import answer_all
        from stages.methods.myvlm.concept import answer_placed

        base, batch_size = self.tools.base(), self.tools.batch_size
        concepts = {s: self._read(s) for s in dict.fromkeys(s for ask in asks for s in ask.subjects)}
        chances = self._chances(photos, asks, concepts)
        answers: dict[int, vlm.Answer] = {}
        plain: list[int] = []
        there: dict[int, list[Concept]] = {}
        for number, ask in enumerate(asks):
            seen = [
                concepts[subject]
                for subject in ask.subjects
                if ask.photo is not None and chances[subject][ask.photo] >= concepts[subject].head.level
            ]
            if ask.task.kind == "recognition":
                chance = float(chances[ask.subjects[0]][ask.photo])
                answers[number] = vlm.Answer("Yes" if seen else "No", (chance, 1 - chance))
            elif seen:
                there[number] = seen
            else:
                plain.append(number)
        nothing = [None] * len(plain)
        unchanged = answer_all(base, photos, [asks[n] for n in plain], nothing, batch_size, self.name)
        named = [[concepts[subject].identifier for subject in asks[n].subjects] for n in there]
        changed = answer_placed(
            base, photos, [asks[n] for n in there], list(there.values()), named, batch_size
        )
        for numbers, found in ((plain, unchanged), (there, changed)):
            answers |= dict(zip(numbers, found, strict=True))
        return [answers[number] for number in range(len(asks))]

    def cost(self, name: str, subject: str) -> Cost:
        """The vector and a linear head are learned; a question becomes longer by the vector."""
        from stages.methods.myvlm.concept import stored_bytes

        concept = self._read(subject)
        learned = concept.values.numel() + concept.head.trainable
        return Cost(learned, stored_bytes(self.folder / subject), len(concept.values))

    def _chances(
        self, photos: Sequence[Path | bytes], asks: Sequence[Ask], concepts: "Mapping[str, Concept]"
    ) -> "dict[str, dict[int, np.ndarray]]":
        """What each subject's head says of every photo that is asked about: subject → photo → P."""
        shown = sorted({ask.photo for ask in asks if ask.photo is not None})
        pictures = [images.load_image(photos[photo]) for photo in shown]
        kinds = {concept.head.signal for concept in concepts.values()} if shown else ()
        signals = {kind: self._signals().of(kind, pictures) for kind in kinds}
        return {
            subject: dict(zip(shown, concept.head.probabilities(signals[concept.head.signal]), strict=True))
            if shown
            else {}
            for subject, concept in concepts.items()
        }

    def _signals(self) -> "Signals":
        from stages.methods.myvlm.signals import Signals

        return Signals(self.tools.clip, self.settings.face_model)

    def _read(self, subject: str) -> "Concept":
        from stages.methods.myvlm.concept import Concept

        return Concept.load(self.folder / subject, self.tools.base())


METHOD = MyVLM
