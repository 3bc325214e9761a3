"""MyVLM's learned files: a concept head's, and the embeddings' after several iterations.

    <CLIP>-<concept>-step-<n>.pt                 classifier.weight (2, d), classifier.bias (2)
    concept_embeddings_<model>_<task>.pt         {iteration: {"keys": (n, ·), "values": (1, D)}}

Both belong to the method of params.yaml whose package is myvlm. Known: iterations count from 0, so that 99 is
after 100 steps; values are of any length, since the model scales them. The decision threshold is in neither
file: params.yaml's counts. Assumed: keys are kept in float32 and values in bfloat16. Faces have no head to
exchange.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.convert import files, tensors
from commands.convert.job import Job
from common import methods
from common.core import io, paths
from common.core.errors import UserError
from common.methods.interface import Backbones

if TYPE_CHECKING:
    import torch

    from common.methods.myvlm.method import MyVLM

WEIGHT, BIAS = "classifier.weight", "classifier.bias"
MAX_KEYS = 4096  # train photos, of which MyVLM takes four
PUBLISHED = "apple/DFN5B-CLIP-ViT-H-14-384"  # the CLIP of MyVLM's heads
AGAIN = "name the file that MyVLM's training wrote"


def write_head(job: Job) -> str:
    """Write the linear head of models/methods/<name>/<id>."""
    files.refuse_existing(job.path)
    from common.methods.myvlm import heads

    head = heads.load(_fitted(job).folder / job.subject)
    if not isinstance(head, heads.LinearHead):
        raise UserError(
            f"{job.subject} is told by its face, for which MyVLM has no head file: nothing to write"
        )
    tensors.save(job.path, head.tensors)
    return f"{job.path}: a head for embeddings of {head.weight.shape[1]} numbers"


def read_head(job: Job) -> str:
    """Make the head of models/methods/<name>/<id>; raises UserError if it was made for another CLIP."""
    from common.methods.myvlm import heads

    method, values = _fitted(job), tensors.load(job.path, AGAIN)
    if (
        not isinstance(values, dict)
        or set(values) != {WEIGHT, BIAS}
        or getattr(values[BIAS], "shape", ()) != (2,)
    ):
        raise UserError(f"{job.path} holds no head, {WEIGHT} and {BIAS} for two classes: {AGAIN}")
    weight = tensors.check_table(job.path, values[WEIGHT], 2)
    bias = tensors.check_table(job.path, values[BIAS].unsqueeze(0), 1)
    clip = method.clip()
    if weight.shape != (2, clip.dimension):
        raise UserError(
            f"{job.path} is a head for embeddings of {weight.shape[1]} numbers, those of {clip.name} have "
            f"{clip.dimension}: set {method.backbone_key} in params.yaml to the CLIP that it was trained on, "
            f"model and revision (published heads: {PUBLISHED})"
        )
    threshold = method.settings.head.threshold
    head = heads.LinearHead(
        threshold, tensors.finite(job.path, weight), tensors.finite(job.path, bias).squeeze(0)
    )
    head.save(method.folder / job.subject)
    return f"a head that fires from {threshold} on ({_kept(method)})"


def write_embeddings(job: Job) -> str:
    """Write the keys, and the vectors after all kept numbers of steps."""
    files.refuse_existing(job.path)
    from common.methods.myvlm.concept import Concept, checkpoints

    method = _fitted(job)
    folder = method.folder / job.subject
    keys, steps = Concept.load(folder, method.model()).keys, checkpoints(folder)
    tensors.save(
        job.path,
        {step - 1: {"keys": keys, "values": vector.bfloat16()} for step, vector in sorted(steps.items())},
    )
    return f"{job.path}: vectors after {', '.join(map(str, sorted(steps)))} steps"


def read_embeddings(job: Job) -> str:
    """Make the vectors of models/methods/<name>/<id>, of which the last answers.

    Raises UserError if its head is not there yet, the form is another, or the base has another width.
    """
    import torch

    from common.methods.myvlm import heads
    from common.methods.myvlm.concept import Concept

    method, iterations = _fitted(job), _iterations(job.path)
    folder, base = method.folder / job.subject, method.model()
    if not (folder / heads.FILE).is_file():
        raise UserError(f"{folder} has no head yet: read it first, with the format myvlm-head")
    steps = {}
    for iteration, (_, values) in sorted(iterations.items()):
        if values.shape != (1, base.hidden_size):
            raise UserError(
                f"{job.path} holds vectors of {tensors.shape(values)} numbers, and those of {base.name} have "
                f"{base.hidden_size}: set {method.model_key}.model to the model that they were learned for"
            )
        steps[iteration + 1] = torch.nn.functional.normalize(values)
    last = max(steps)
    concept = Concept(
        method.word(job.subject, job.kind),
        heads.load(folder),
        iterations[last - 1][0],
        steps[last],
        method.info(base),
    )
    concept.save(folder, steps, {"imported": {job.path.name: io.sha256_file(job.path)}})
    return f"vectors after {', '.join(map(str, steps))} steps, of which the last answers ({_kept(method)})"


def _iterations(path: Path) -> Mapping[int, tuple["torch.Tensor", "torch.Tensor"]]:
    """Keys and values by iteration, float32; raises UserError if that is not what the file holds."""
    content: Any = tensors.load(path, AGAIN)
    whole = (
        isinstance(content, dict)
        and content
        and all(isinstance(number, int) and number >= 0 for number in content)
        and all(isinstance(one, dict) and {"keys", "values"} <= set(one) for one in content.values())
    )
    if not whole:
        raise UserError(f'{path} is not {{iteration: {{"keys": …, "values": …}}}}: {AGAIN}')
    return {
        number: (
            tensors.finite(path, tensors.check_table(path, one["keys"], MAX_KEYS)),
            tensors.finite(path, tensors.check_table(path, one["values"], MAX_KEYS)),
        )
        for number, one in content.items()
    }


def _fitted(job: Job) -> "MyVLM":
    """The method whose files are exchanged: the first of params.yaml that is MyVLM."""
    from common.methods.myvlm.method import MyVLM

    names = [name for name, section in job.methods.items() if section.get("method") == "myvlm"]
    if not names:
        raise UserError(f"{paths.PARAMS} lists no method whose package is myvlm: add one under methods")
    method = methods.prepare(names[0], job.methods, Backbones(job.load_base, job.load_clip, 0, 1))
    assert isinstance(method, MyVLM)
    return method


def _kept(method: "MyVLM") -> str:
    return files.kept_by(f"fit_baseline@{method.name}")
