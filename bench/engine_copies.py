"""Load on a platform that keeps each blob in two places (of one disk, on this machine)."""

from collections.abc import Iterator

from engines import copies
from harness import Figure, main
from loads import figures


def measure(rounds: int) -> Iterator[Figure]:
    yield from figures(copies, rounds)


if __name__ == "__main__":
    main(measure)
