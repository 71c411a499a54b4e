"""Counting inside one process: plain numbers in dictionaries, read once a second. A count costs less than a microsecond.

`prometheus_client` is not asked here: it takes a lock at each count, and its way of adding up several processes keeps the
values of labels in files. The supervisor puts the numbers of all processes into its form when somebody asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping

from nexus.app.telemetry.catalogue import Kind, Metric
from nexus.app.telemetry.labels import OTHER, Label
from nexus.app.telemetry.report import Distribution, Labels

Tables = Mapping[str, frozenset[str]]
"""Name of a label -> its values, where the table is the process's own."""


class _Bounded:
    """Values of labels as they are counted: what is not in the closed list is `other`."""

    def __init__(self, metric: Metric, tables: Tables) -> None:
        self._known = tuple(_values(label, tables) for label in metric.labels)

    def __call__(self, given: Labels) -> Labels:
        if len(given) != len(self._known):
            raise ValueError("a metric is counted with as many values as it has labels")
        return tuple(value if value in known else OTHER for value, known in zip(given, self._known, strict=True))


def _values(label: Label, tables: Tables) -> frozenset[str]:
    return label.values if label.values is not None else tables.get(label.name, frozenset())


class Numbers:
    """A counter or a gauge."""

    __slots__ = ("_bounded", "values")

    def __init__(self, metric: Metric, tables: Tables) -> None:
        self.values: dict[Labels, float] = {}
        self._bounded = _Bounded(metric, tables)

    def add(self, *labels: str, by: float = 1) -> None:
        """Count."""
        try:
            self.values[labels] += by
        except KeyError:
            bounded = self._bounded(labels)
            self.values[bounded] = self.values.get(bounded, 0) + by

    def set(self, value: float, *labels: str) -> None:
        """What it is now."""
        self.values[self._bounded(labels)] = value


class Spread:
    """A histogram."""

    __slots__ = ("_bounded", "_bounds", "values")

    def __init__(self, metric: Metric, tables: Tables) -> None:
        self.values: dict[Labels, list[float]] = {}
        """One count for each bucket, and the sum at the end."""
        self._bounded = _Bounded(metric, tables)
        self._bounds = metric.buckets

    def observe(self, value: float, *labels: str) -> None:
        """One value more."""
        row = self.values.get(labels)
        if row is None:
            bounded = self._bounded(labels)
            row = self.values.setdefault(bounded, [0] * (len(self._bounds) + 1) + [0.0])
        row[bisect_left(self._bounds, value)] += 1
        row[-1] += value

    def distributions(self) -> dict[Labels, Distribution]:
        return {labels: Distribution(tuple(map(int, row[:-1])), row[-1]) for labels, row in list(self.values.items())}


class Tallies:
    """Everything that one process counts. A metric that nobody asked for here is not told."""

    def __init__(self, tables: Tables | None = None) -> None:
        self.tables: dict[str, frozenset[str]] = dict(tables or {})
        self._numbers: dict[str, Numbers] = {}
        self._spreads: dict[str, Spread] = {}
        self._looks: list[Callable[[], None]] = []

    def know(self, label: Label, values: Iterable[str]) -> None:
        """The process's own table of a label's values; before anything is counted with it."""
        self.tables[label.name] = frozenset(values)

    def number(self, metric: Metric) -> Numbers:
        """A counter or a gauge, made at the first call."""
        assert metric.kind is not Kind.HISTOGRAM
        return self._numbers.setdefault(metric.name, Numbers(metric, self.tables))

    def spread(self, metric: Metric) -> Spread:
        """A histogram, made at the first call."""
        assert metric.kind is Kind.HISTOGRAM
        return self._spreads.setdefault(metric.name, Spread(metric, self.tables))

    def look(self, look: Callable[[], None]) -> None:
        """Call `look` before the numbers are told: it sets what can only be looked up. It must not wait."""
        self._looks.append(look)

    def read(self) -> tuple[dict[str, dict[Labels, float]], dict[str, dict[Labels, Distribution]]]:
        """Numbers and distributions, by the metric's name."""
        for look in self._looks:
            look()
        numbers = {name: dict(number.values) for name, number in self._numbers.items()}
        return numbers, {name: spread.distributions() for name, spread in self._spreads.items()}
