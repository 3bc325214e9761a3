"""Every path of the pipeline, in one place, relative to the repository root (where all commands run).

Nothing here creates, reads or checks a file.
"""

from pathlib import Path

from common.core.vocabulary import Source

PARAMS = Path("params.yaml")
DATA = Path("data")
CHECKED = DATA / "checked.txt"  # the check stage's receipt; constant, it only orders the stages

# The embedded world (render). Its truth is for evaluate alone.
WORLD = DATA / "world"
WORLD_SUBJECTS = WORLD / "subjects"
WORLD_TRUTH = WORLD / "truth"
WORLD_TWO_SUBJECTS = WORLD_TRUTH / "two_subjects"
WORLD_GENERAL = WORLD_TRUTH / "general"
CORPUS = WORLD / "corpus"
CORPUS_IMAGES = CORPUS / "images"
CORPUS_URLS = CORPUS / "urls.parquet"

# Photos that the user brings.
OWN_SUBJECTS = DATA / "subjects"
YOLLAVA_PREFIX, MYVLM_PREFIX = "yollava-", "myvlm-"  # of the ids of subjects that come from these datasets

# The CLIP index of the corpus (index).
INDEX = DATA / "index"
INDEX_METADATA = INDEX / "metadata.parquet"
INDEX_EMBEDDINGS = INDEX / "embeddings.npy"
INDEX_IMAGES = INDEX / "image.index"
INDEX_CARD = INDEX / "card.json"

# One file per subject (retrieve, synthesize, assemble).
NEGATIVES = DATA / "negatives"
NEGATIVES_CARD = NEGATIVES / "card.json"
CONVERSATIONS = DATA / "conversations"
PRIOR_KNOWLEDGE = DATA / "prior_knowledge.parquet"  # of all subjects: what the base says of their names
DATASET = DATA / "dataset"

# Models: the shipped base, and what train learns.
BASE = Path("models/base")
PHOTOGRAPHS = Path("models/photographs")
SMOLLM2 = Path("models/photographs-smollm2")
PRETRAIN = Path(".cache/pretrain")  # checkpoints of its making
SUBJECT_MODELS = Path("models/subjects")
CHECKPOINTS = Path(".cache/train")  # of trainings that were killed
FITTED = Path("models/methods")

# Results.
SOFT_PROMPT = "soft_prompt"  # the product's own method, which is fitted by train
PREDICTIONS = DATA / "predictions"
REPORTS = Path("reports")
TRAIN_CURVES = REPORTS / "train"
METRICS = REPORTS / "metrics.json"
INTERVALS = REPORTS / "intervals.json"
TABLES = REPORTS / "tables.md"
SHEETS = REPORTS / "sheets"
PLOTS = REPORTS / "plots"
PAGE = REPORTS / "index.html"


def photos_dir(subject: str, source: Source) -> Path:
    """The folder with a subject's `train/` and `test/`."""
    return (WORLD_SUBJECTS if source == "world" else OWN_SUBJECTS) / subject


def train_photos(subject: str, source: Source) -> Path:
    """The photos that retrieval, synthesis and training may see."""
    return photos_dir(subject, source) / "train"


def test_photos(subject: str, source: Source) -> Path:
    """The photos kept for evaluation."""
    return photos_dir(subject, source) / "test"


def description(subject: str, source: Source) -> Path:
    """What a human writes after "<id> is", as text; optional, for methods that put words in the prompt."""
    return photos_dir(subject, source) / "description.txt"


def facts(subject: str, source: Source) -> Path:
    """What people tell of a subject that no photo shows (see `common.core.facts`); optional."""
    return photos_dir(subject, source) / "facts.yaml"


def own_questions(subject: str, source: Source) -> Path:
    """What a user wants to see answered in the report (see `common.testdata.own_questions`); optional."""
    return photos_dir(subject, source) / "questions.yaml"


def truth_dir(subject: str, source: Source) -> Path:
    """Questions and look-alikes of a subject (see `ground_truth`), for evaluate; optional for own ones."""
    return WORLD_TRUTH / subject if source == "world" else OWN_SUBJECTS / subject / "truth"


def negatives(subject: str) -> Path:
    """Retrieved hard and easy negatives."""
    return NEGATIVES / f"{subject}.parquet"


def conversations(subject: str) -> Path:
    """Questions about the train photos, answered by the base model."""
    return CONVERSATIONS / f"{subject}.parquet"


def dataset(subject: str) -> Path:
    """The training set: the only thing that train reads of a subject."""
    return DATASET / f"{subject}.parquet"


def subject_model(subject: str) -> Path:
    """The folder of a learned soft prompt."""
    return SUBJECT_MODELS / subject


def subject_epochs(subject: str) -> Path:
    """A folder like `subject_model` for each epoch of training, by its number, where they are kept."""
    return subject_model(subject) / "epochs"


def checkpoint(subject: str) -> Path:
    """Where a training stands that has this subject as its first; gone when it ends."""
    return CHECKPOINTS / f"{subject}.pt"


def train_curve(subject: str) -> Path:
    """Loss and validation results by epoch."""
    return TRAIN_CURVES / f"{subject}.csv"


def fitted(method: str) -> Path:
    """The folder of what a method other than the soft prompt learned, of all subjects."""
    return FITTED / method


def predictions(method: str, table: str) -> Path:
    """One of evaluate's tables, such as "recognition" or "photos"."""
    return PREDICTIONS / method / f"{table}.parquet"
