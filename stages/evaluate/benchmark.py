"""What a benchmark is: its table, the photos that it shows, its questions, and how answers are read.

Each is a module of `benchmarks`. What the answers amount to is the report's business.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from common.core.io import Row
from common.methods.interface import Photos, Request, Responder
from stages.evaluate.eval_set import EvalSet

if TYPE_CHECKING:
    import pyarrow as pa

    from common import vlm

Requests = list[tuple[Row, Request]]  # each with the columns of its row that are known before the answer


class Benchmark(ABC):
    """Something that every method is asked. Opened before any model, so that a bad file shows at once.

    Attributes:
        name: of its table in data/predictions/<method>/.
        schema: the table's columns. The truth is among them, never read off a path.
        sort_by: the columns that its rows are sorted by.
        apart: whether it is asked in a pass of its own, so that no other answer depends on what it asks,
            not even in its last bits.

    """

    name: ClassVar[str]
    schema: "ClassVar[pa.Schema]"
    sort_by: ClassVar[tuple[str, ...]]
    apart: ClassVar[bool] = False

    def __init__(self, eval_set: EvalSet) -> None:
        """Read what it needs besides `eval_set`; raises UserError for a malformed or unfit file."""
        self.eval_set = eval_set

    @property
    def photos(self) -> Photos:
        """Those of its own that its requests show, by a key that no other has (``general/00003``).

        The subjects' test photos are recognition's.
        """
        return {}

    @property
    def has_questions(self) -> bool:
        """Whether it is there at all; without questions it is neither asked nor written."""
        return True

    @abstractmethod
    def build_requests(self, responder: Responder) -> Requests:
        """Every question, to the responder itself and to the controls that this benchmark has."""

    @abstractmethod
    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """Read an answer strictly and finish its row."""
