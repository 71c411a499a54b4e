"""The terminal of the demonstration: numbered steps, short lines, what was done and what came of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

WIDTH = 100
LABEL_CHARS = 12
INDENT = 4


class Stage:
    """Where the story is told."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if self._console.width > WIDTH or not self._console.is_terminal:
            self._console.width = WIDTH
        self._begun = time.monotonic()
        self._number = 0

    @property
    def seconds(self) -> float:
        """Since the curtain rose."""
        return time.monotonic() - self._begun

    def title(self, text: str, aside: str) -> None:
        self._console.print()
        self._console.print(Text.assemble(("  ", ""), (text, "bold"), (f"  {aside}", "dim")))

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One numbered step; its time stands at its end."""
        self._number += 1
        begun = time.monotonic()
        self._console.print()
        self._console.print(Text.assemble((f"{self._number:>3} ", "bold cyan"), (title, "bold")))
        yield
        self._console.print(Text(f"{'':{INDENT}}{time.monotonic() - begun:.1f} s", "dim"))

    def fact(self, label: str, text: str | Text) -> None:
        """A quiet line: what is what."""
        row = Table.grid(padding=(0, 1))
        row.add_column(width=LABEL_CHARS, style="dim", no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(label, text)
        self._console.print(Padding(row, (0, 0, 0, INDENT)))

    def did(self, text: str) -> None:
        """Something worked that should."""
        self._mark("✓", "green", text)

    def refused(self, text: str) -> None:
        """Something was refused that should be."""
        self._mark("⛔", "yellow", text)

    def detected(self, text: str) -> None:
        """Something wrong was found out."""
        self._mark("✗", "red", text)

    def command(self, words: Sequence[str]) -> None:
        """What was typed."""
        self._console.print(Padding(Text("$ " + " ".join(words), "cyan", overflow="fold"), (0, 0, 0, INDENT)))

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Something is under way."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(f"{text} …", spinner="dots"):
            yield

    def space(self) -> None:
        self._console.print()

    def show(self, renderable: Table) -> None:
        self._console.print(Padding(renderable, (0, 0, 0, INDENT)))

    def _mark(self, mark: str, style: str, text: str) -> None:
        row = Table.grid(padding=(0, 1))
        row.add_column(width=2)
        row.add_column(overflow="fold")
        row.add_row(Text(mark, style), text)
        self._console.print(Padding(row, (0, 0, 0, INDENT)))
