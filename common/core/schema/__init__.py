"""The Arrow schema of every Parquet table: column names, types, and one sentence about each.

Images are `{bytes, path}` structs. Who writes which table stands in dvc.yaml.
"""

from common.core.schema.learned_from import (
    CONVERSATIONS,
    DATASET,
    INDEX_METADATA,
    NEGATIVES,
    PRIOR_KNOWLEDGE,
)
from common.core.schema.predictions import (
    CAPTIONS,
    GENERAL,
    METHODS,
    OPEN_ANSWERS,
    OWN_QUESTIONS,
    QUESTIONS,
    RECOGNITION,
    SAMPLE_CONVERSATIONS,
    TEST_PHOTOS,
    THRESHOLD_SET,
    TOKEN_EXPLANATIONS,
    TWO_SUBJECTS,
    VQA,
)
from common.core.schema.table import IMAGE

__all__ = [
    "CAPTIONS",
    "CONVERSATIONS",
    "DATASET",
    "GENERAL",
    "IMAGE",
    "INDEX_METADATA",
    "METHODS",
    "NEGATIVES",
    "OPEN_ANSWERS",
    "OWN_QUESTIONS",
    "PRIOR_KNOWLEDGE",
    "QUESTIONS",
    "RECOGNITION",
    "SAMPLE_CONVERSATIONS",
    "TEST_PHOTOS",
    "THRESHOLD_SET",
    "TOKEN_EXPLANATIONS",
    "TWO_SUBJECTS",
    "VQA",
]
