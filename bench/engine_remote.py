"""Load on a platform whose blobs another Nexus keeps, on the same cores."""

from collections.abc import Iterator

from engines import remote
from harness import Figure, main
from loads import figures


def measure(rounds: int) -> Iterator[Figure]:
    yield from figures(remote, rounds)


if __name__ == "__main__":
    main(measure)
