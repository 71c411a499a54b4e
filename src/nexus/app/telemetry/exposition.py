"""What every process has told, as one text in Prometheus's form.

What a process tells is looked at once more: a metric that is not in the catalogue, a value that is not in a label's list, more
series than there may be: none of it is shown. A door that was taken over cannot put a patient's name here.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from nexus.app.telemetry import catalogue
from nexus.app.telemetry.catalogue import Kind
from nexus.app.telemetry.report import Distribution, Labels, Report

V = TypeVar("V", float, Distribution)

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4.encode()
PROCESS: Final = "process"
MAX_SERIES: Final = 5_000
"""Of one metric in one process. The tables of the code make fewer than a tenth of it."""


class _Told:
    """Families of metrics, for the library to write."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(reports: Mapping[str, Report]) -> bytes:
    """The text. `reports`: by the name of the process."""
    return generate_latest(_Told([_family(metric, reports) for metric in catalogue.METRICS]))


def _family(metric: catalogue.Metric, reports: Mapping[str, Report]) -> Metric:
    names = [*(label.name for label in metric.labels), PROCESS]
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.says, labels=names)
        for process, report in reports.items():
            for labels, spread in _plausible(metric, report.distributions.get(metric.name, {})):
                if len(spread.counts) == len(metric.buckets) + 1:
                    histogram.add_metric([*labels, process], _cumulative(metric, spread), spread.total)
        return histogram
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.says, labels=names)
    for process, report in reports.items():
        for labels, value in _plausible(metric, report.numbers.get(metric.name, {})):
            family.add_metric([*labels, process], value)
    return family


def _plausible(metric: catalogue.Metric, told: Mapping[Labels, V]) -> Iterable[tuple[Labels, V]]:
    for labels, value in list(told.items())[:MAX_SERIES]:
        if len(labels) == len(metric.labels) and all(
            label.is_plausible(given) for label, given in zip(metric.labels, labels, strict=True)
        ):
            yield labels, value


def _cumulative(metric: catalogue.Metric, spread: Distribution) -> list[tuple[str, float]]:
    bounds = [*(format(bound, "g") for bound in metric.buckets), "+Inf"]
    return list(zip(bounds, map(float, accumulate(spread.counts)), strict=True))
