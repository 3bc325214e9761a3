"""`python -m commands.pretrain [gates]`: make models/base from nothing, or only measure what is there."""

from common.core import params
from common.core.errors import UserError, run
from common.core.paths import BASE, PRETRAIN


def main(part: str = "all") -> str:
    """Pretrain (resuming what .cache/pretrain holds), or check the gates."""
    from commands.pretrain import acceptance, recipe

    seed = params.load().seed
    if part == "all":
        return recipe.pretrain(PRETRAIN, BASE, seed)
    if part != "gates":
        raise UserError(f"{part!r} is not a part of pretraining: use `gates`, or nothing for all of it")
    measured = acceptance.measure(BASE, seed)
    for criterion in measured:
        low, high = criterion.interval
        print(f"{criterion.value:.3f} [{low:.3f}, {high:.3f}] floor {criterion.floor:.2f} {criterion.name}")
    return f"{sum(criterion.passed for criterion in measured)} of {len(measured)} gates passed"


if __name__ == "__main__":
    run(main)
