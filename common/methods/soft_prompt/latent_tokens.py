"""A latent token by itself, as something that a question can name: what stands before the question then.

A token asked about is called `LATENT` and bears the token's row; its output row is the identifier's, for
latent tokens have none. Owns these definitions only; which are asked is evaluate's business.
"""

from dataclasses import replace

from common import vlm
from common.methods.interface import LATENT, TokenPlace


def token_definitions(own: vlm.SoftPrompt, untrained: vlm.SoftPrompt) -> dict[str, vlm.Definition]:
    """What stands before a question about each latent token, by the name of a request's method."""
    puts: dict[TokenPlace, vlm.Definition] = {}
    by_name: dict[str, vlm.Definition] = {}
    for number in range(own.latent_tokens):
        puts["alone"] = token(own, number)
        puts["in_prompt"] = (own, token(own, number))
        puts["untrained"] = (own, token(untrained, number))
        by_name |= {f"{place}@{number}": definition for place, definition in puts.items()}
    return by_name


def token(prompt: vlm.SoftPrompt, number: int) -> vlm.SoftPrompt:
    """A soft prompt without latent tokens, whose identifier is one of them: (1, D) rows."""
    row = prompt.embeddings[number + 1 : number + 2]
    return replace(prompt, subject=LATENT, embeddings=row, output_row=prompt.output_row[:1])
