"""What a section of params.yaml that puts names in the place of keywords may hold."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from common.core.settings import Count, MethodSettings


class KeywordSettings(MethodSettings):
    """What its section holds.

    Attributes:
        keywords: a subject's id, or a kind, → the words by which the base may call it, the best one first.
        max_new_tokens: of the description in which recognition looks for a keyword.

    """

    keywords: Mapping[str, Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]]
    max_new_tokens: Count


SETTINGS = KeywordSettings
