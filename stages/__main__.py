"""python -m stages: list the stages and the commands, with a line each."""

from common.core.overview import print_overview

if __name__ == "__main__":
    print_overview()
