"""All blocks, in order, into files: by as many workers as there are, with one result."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import accumulate, pairwise
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, TypeVar

import msgspec
import numpy
import pyarrow
import pyarrow.csv

from nexus.kernel.errors import Conflict
from nexus.warehouse.generator import blocks, claims_tables, hospital_tables, register
from nexus.warehouse.generator.answer import Counted
from nexus.warehouse.generator.blocks import Block, Place
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.generator.register import Orders

FORMAT: Final = "nexus-generated/1"
SUMMARY: Final = "generated.json"
_BAD_COLUMNS: Final = ("SOURCE", "DELIVERY", "FILE", "LINE", "COLUMN", "REASON")
_AHEAD: Final = 2
"""Blocks in the making for each worker."""

Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Blocks done, of how many."""


@dataclass(slots=True)
class Written:
    """One file of the result."""

    rows: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class Summary:
    """What was generated."""

    asked: Asked
    files: dict[str, Written]
    answer: Counted

    @property
    def rows(self) -> int:
        """Rows of all extracts, the truth not counted."""
        return sum(file.rows for name, file in self.files.items() if not name.startswith("truth/"))


def generate(asked: Asked, into: Path, *, workers: int = 1, progress: Progress = lambda done, total: None) -> Summary:
    """Write everything into a new or empty folder. Raises Conflict if something is in it, Invalid."""
    if into.exists() and any(into.iterdir()):
        raise Conflict(
            f"{into.name} is not empty",
            code="generator.not-empty",
            hint="name a new folder: what is generated is never mixed with what is there",
        )
    into.mkdir(parents=True, exist_ok=True)
    answer = Counted()
    with _Workers(workers) as pool, _Files(into) as files:
        _unchanging(files, asked)
        given = _register(pool, asked)
        for done, block in enumerate(pool.in_order(blocks.make, [(asked, *one) for one in given]), start=1):
            files.take(block)
            answer += block.counted
            progress(done, asked.blocks)
        written = files.close()
    summary = Summary(asked, written, answer)
    (into / SUMMARY).write_bytes(_described(summary))
    return summary


def _register(pool: "_Workers", asked: Asked) -> list[tuple[int, Orders, Orders]]:
    """For each block, the orders of its people: counted over all of them."""
    keys = list(pool.in_order(blocks.births, [(asked, block) for block in range(asked.blocks)]))
    shares = []
    for kind in (0, 1):
        lengths = [0, *accumulate(len(pair[kind]) for pair in keys)]
        orders = register.orders(numpy.concatenate([pair[kind] for pair in keys]))
        shares.append([orders[begin:end] for begin, end in pairwise(lengths)])
    return [(block, shares[0][block], shares[1][block]) for block in range(asked.blocks)]


def _unchanging(files: "_Files", asked: Asked) -> None:
    for hospital in range(1, asked.hospitals + 1):
        for delivery in (1, 2):
            files.whole(
                (f"hospital-{hospital}/delivery-{delivery}", "organizations"), hospital_tables.organisation(hospital)
            )
            files.whole((f"hospital-{hospital}/delivery-{delivery}", "providers"), hospital_tables.providers(hospital))
    for delivery in (1, 2) if asked.whole else (1,):
        files.whole((f"snds/delivery-{delivery}", "IR_PHA_R"), claims_tables.drug_list())


def _described(summary: Summary) -> bytes:
    declared = {f"hospital-{number}": hospital_tables.IDENTIFYING for number in range(1, summary.asked.hospitals + 1)}
    document: dict[str, Any] = {
        "format": FORMAT,
        "asked": asdict(summary.asked),
        "rows": summary.rows,
        "identifying": {
            **{source: {hospital_tables.PATIENTS: list(columns)} for source, columns in declared.items()},
            claims_tables.SOURCE: {claims_tables.BENEFICIARIES: list(claims_tables.IDENTIFYING)},
        },
        "answer": {
            "question": "rate ratio of gastric bleeds in the 30 days after a box of diclofenac, ages 16 to 90",
            "chosen": summary.asked.effect,
            **asdict(summary.answer),
            "rate_ratio": None if (ratio := summary.answer.rate_ratio) is None else round(ratio, 3),
        },
        "files": {name: asdict(file) for name, file in sorted(summary.files.items())},
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


@dataclass(slots=True)
class _Open:
    file: IO[bytes]
    columns: tuple[str, ...]
    rows: int = 0
    length: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> None:
        self.file.write(content)
        self.digest.update(content)
        self.length += len(content)


class _Files:
    """The files of a result, open until all blocks are in."""

    def __init__(self, into: Path) -> None:
        self._into = into
        self._open: dict[Place, _Open] = {}

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.file.close()

    def take(self, block: Block) -> None:
        """A block's parts, behind those of the blocks before."""
        bad = []
        for place, part in block.parts.items():
            file = self._file(place, part.columns)
            source, _, delivery = place[0].partition("/delivery-")
            for one in part.bad:  # the first line is the header's
                bad.append(
                    f"{source},{delivery},{place[1]},{file.rows + one.row + 2},{one.column},{one.reason.value}\n"
                )
            file.write(part.content)
            file.rows += part.rows
        known = self._file(("truth", "bad-rows"), _BAD_COLUMNS)
        known.write("".join(bad).encode())
        known.rows += len(bad)

    def whole(self, place: Place, table: pyarrow.Table) -> None:
        """A file that no block adds to."""
        block = Block()
        block.add(*place, table)
        self.take(block)

    def close(self) -> dict[str, Written]:
        """Close every file; what is in them, by their paths."""
        written = {}
        for (folder, name), file in self._open.items():
            file.file.close()
            written[f"{folder}/{name}.csv"] = Written(file.rows, file.length, file.digest.hexdigest())
        return written

    def _file(self, place: Place, columns: tuple[str, ...]) -> _Open:
        if place not in self._open:
            folder = self._into / place[0]
            folder.mkdir(parents=True, exist_ok=True)
            opened = _Open((folder / f"{place[1]}.csv").open("wb"), columns)
            opened.write(",".join(columns).encode() + b"\n")
            self._open[place] = opened
        return self._open[place]


class _Workers:
    """Calls in other processes, or in this one; their results in order, few of them waiting at a time."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        # started afresh, not forked: threads of pyarrow do not survive a fork
        self._pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 else None

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def in_order(self, call: Callable[..., Result], arguments: list[tuple[Any, ...]]) -> Iterator[Result]:
        """The results of a call with each of these arguments."""
        if self._pool is None:
            yield from (call(*one) for one in arguments)
            return
        waiting: list[Future[Result]] = []
        left = iter(arguments)
        for one in left:
            waiting.append(self._pool.submit(call, *one))
            if len(waiting) >= _AHEAD * self._workers:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()
