"""The MyVLM dataset (29 objects with captions, ECCV 2024) in the layout in which it is published.

    CONCEPT/*.jpg                    photos, about ten
    CONCEPT/captions.json            {file name: [caption, …]}
    CONCEPT/captions_augmented.json  the same, more of them; optional

Owns reading it, what is left out and the report about it. The dataset has no split: as in its protocol, a
seed draws four photos to learn from, and the others test (`benchmarks.folds` draws anew in each of five
folds). Captions of the four go into facts.yaml, those of the others into truth/captions.json. Its heads and
vectors are read by `commands.convert`. Assumed, since no photo of it was seen here: the folders of concepts
lie in one folder, and every concept is an object but for two dogs and a cat; the people of the paper were
never published.
"""

from commands.add.myvlm.dataset import read

__all__ = ["read"]
