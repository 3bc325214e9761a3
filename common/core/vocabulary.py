"""The words for kinds of things that parameters and tables hold, each list of them written once."""

from typing import Literal

Kind = Literal["person", "pet", "landmark", "object", "character"]  # what a subject is
Source = Literal["own", "world"]  # whose photos a subject has: the user's, or those of the drawn world
InitialRows = Literal["random", "photos"]  # where latent tokens start
VariantInitialRows = Literal["random", "words", "pooled", "photos"]  # the same in variants
Schedule = Literal["constant", "cosine"]  # of a learning rate
Role = Literal["positive", "hard", "easy", "text"]  # of a row of a dataset
DescribedBy = Literal["human", "short", "long", "summary"]  # a description: by whom, or how long it is
ConversationKind = Literal[
    "qa",
    "caption",
    "fact",
    "description_human",
    "description_short",
    "description_long",
    "description_summary",
    "dropped",
]
