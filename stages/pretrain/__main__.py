"""`python -m stages.pretrain [gates]`: make models/base from nothing, or only measure what is there."""

from stages.core import params
from stages.core.errors import UserError, run
from stages.core.paths import BASE, PRETRAIN


def main(part: str = "all") -> str:
    """Pretrain (resuming what .cache/pretrain holds), or check the gates."""
    from stages.pretrain import gates, recipe

    seed = params.load().seed
    if part == "all":
        return recipe.pretrain(PRETRAIN, BASE, seed)
    if part != "gates":
        raise UserError(f"{part!r} is not a part of pretraining: use `gates`, or nothing for all of it")
    measured = gates.measure(BASE, seed)
    for gate in measured:
        low, high = gate.interval
        print(f"{gate.value:.3f} [{low:.3f}, {high:.3f}] floor {gate.floor:.2f} {gate.name}")
    return f"{sum(gate.passed for gate in measured)} of {len(measured)} gates passed"


if __name__ == "__main__":
    run(main)
