"""Load on a platform as it is without any setting: metadata in a SQLite file, contents on one disk."""

from collections.abc import Iterator

from engines import sqlite
from harness import Figure, main
from loads import figures


def measure(rounds: int) -> Iterator[Figure]:
    yield from figures(sqlite, rounds)


if __name__ == "__main__":
    main(measure)
