"""python -m commands: list the commands and the stages, with a line each."""

from common.core.overview import print_overview

if __name__ == "__main__":
    print_overview()
