"""Load on a platform whose metadata are on a PostgreSQL server of this machine; contents on one disk."""

from collections.abc import Iterator

from engines import postgresql
from harness import Figure, main
from loads import figures


def measure(rounds: int) -> Iterator[Figure]:
    yield from figures(postgresql, rounds)


if __name__ == "__main__":
    main(measure)
