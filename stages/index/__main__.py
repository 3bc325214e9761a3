"""`python -m stages.index`: make data/index/ from what `index.source` names."""

from pathlib import Path

from stages.core import params, seed, web
from stages.core.errors import run
from stages.index.make import make


def main() -> str:
    """Read params.yaml and build the index."""
    p = params.load()
    index = p.index
    seed.seed_everything(p.seed, p.threads)
    return make(
        index.source,
        Path(index.location),
        p.base.clip,
        p.base.clip_revision,
        p.base.device,
        web.Limits(
            timeout_s=index.timeout_s,
            retries=index.retries,
            max_bytes=index.max_image_mb * 2**20,
            max_pixels=index.max_image_pixels,
            max_side=index.image_size,
        ),
        threads=index.threads,
        serve=Path(index.serve) if index.serve else None,
        base_url=index.base_url,
        deadline_s=index.deadline_s,
        processes=index.processes,
    )


if __name__ == "__main__":
    run(main)
