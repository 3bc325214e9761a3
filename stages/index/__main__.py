"""`python -m stages.index`: make data/index/ from what `index.source` names."""

from pathlib import Path

from common.core import params, seed
from common.core.errors import run
from common.corpus import web
from common.corpus.safety import Safety
from stages.index.distributed_embed import Strategy
from stages.index.make import make
from stages.index.urls import Download


def main() -> str:
    """Read params.yaml and build the index."""
    p = params.load()
    index = p.index
    seed.seed_everything(p.seed, p.threads)
    limits = web.DownloadLimits(
        timeout_s=index.timeout_s,
        retries=index.retries,
        max_bytes=index.max_image_mb * 2**20,
        max_pixels=index.max_image_pixels,
        max_side=index.image_size,
        min_side=index.min_image_side,
        max_aspect=index.max_image_aspect,
        per_host=index.per_host,
        agent=index.agent,
        allowed=tuple(index.allowed_hosts.lower().split()),
    )
    served = (Path(index.serve) if index.serve else None, index.base_url)
    how = Download(*served, index.deadline_s, index.shard, index.distributor, index.processes, index.threads)
    strategy = Strategy(index.distribution_strategy, index.slurm_partition, index.slurm_nodes, index.shard)
    safety = Safety(index.max_punsafe, index.safety_model)
    base = (p.base.clip.model, p.base.clip.revision, p.base.device.type)
    return make(index.source, Path(index.location), base, limits, safety, how, strategy)


if __name__ == "__main__":
    run(main)
