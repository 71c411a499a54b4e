"""Every metric that there is. What is not in this table is not measured, and not shown; docs/reference/metrics.md is made of it.

The supervisor adds the label `process` to each: the name of the process, with its number where there are several.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nexus.app.telemetry import labels
from nexus.app.telemetry.labels import Label

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the buckets of a latency."""
SHORT_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)
WRITERS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `says` is its help text."""

    name: str
    kind: Kind
    says: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, of a histogram."""


def _counter(name: str, says: str, *of: Label) -> Metric:
    return Metric(name, Kind.COUNTER, says, of)


def _gauge(name: str, says: str, *of: Label) -> Metric:
    return Metric(name, Kind.GAUGE, says, of)


def _histogram(name: str, says: str, *of: Label, buckets: tuple[float, ...] = SECONDS) -> Metric:
    return Metric(name, Kind.HISTOGRAM, says, of, buckets)


# Doors
REQUESTS = _counter(
    "nexus_requests_total",
    "Requests that were answered, or broke off.",
    labels.DOOR,
    labels.ROUTE,
    labels.METHOD,
    labels.STATUS,
)
REQUEST_SECONDS = _histogram(
    "nexus_request_duration_seconds",
    "Time from the first byte of a request's headers to the last byte of its answer.",
    labels.DOOR,
    labels.ROUTE,
)
IN_FLIGHT = _gauge("nexus_requests_in_flight", "Requests under way.", labels.DOOR)
RECEIVED = _counter("nexus_received_bytes_total", "Bytes of bodies of requests.", labels.DOOR)
SENT = _counter("nexus_sent_bytes_total", "Bytes of bodies of answers.", labels.DOOR)

# The database and the log
COMMITS = _counter("nexus_commits_total", "Transactions of the database, by how they ended.", labels.OUTCOME)
COMMIT_SECONDS = _histogram("nexus_commit_duration_seconds", "Time of one transaction, until it is durable.")
COMMIT_WRITERS = _histogram("nexus_commit_writers", "Writers that shared one transaction.", buckets=WRITERS)
WAITING_WRITERS = _gauge("nexus_commit_queue", "Writers that wait for a transaction.")
ENTRIES = _counter("nexus_log_entries_total", "Entries of the audit log that this process has committed.")
DATABASE_BYTES = _gauge("nexus_database_bytes", "Size of the database's file with its write-ahead log (SQLite).")

# Keys
KEY_CALLS = _counter(
    "nexus_key_calls_total", "Calls to the key service, by how they ended.", labels.CALL, labels.OUTCOME
)
KEY_CALL_SECONDS = _histogram(
    "nexus_key_call_duration_seconds", "Time of a call to the key service, as its caller sees it.", labels.CALL
)
KEY_LEASE = _gauge("nexus_key_lease", "1 while this process may use keys; 0: sealed, or the key service is away.")
SERVED_CALLS = _counter(
    "nexus_key_service_calls_total",
    "Calls that the key service has answered.",
    labels.CALLER,
    labels.CALL,
    labels.OUTCOME,
)
SERVED_SECONDS = _histogram(
    "nexus_key_service_call_duration_seconds",
    "Time of a call inside the key service.",
    labels.CALL,
    buckets=SHORT_SECONDS,
)
UNSEALED = _gauge("nexus_key_service_unsealed", "1 while the key service is unsealed.")

# Authorisation
DECISIONS = _counter("nexus_decisions_total", "Decisions of the gate.", labels.SOURCE, labels.DECISION)

# The worker
CHORE_SUCCESS = _gauge(
    "nexus_chore_last_success_timestamp_seconds", "When the chore last did what there was to do.", labels.CHORE
)
CHORE_SECONDS = _gauge("nexus_chore_last_duration_seconds", "How long that took.", labels.CHORE)
CHORE_FAILURES = _counter("nexus_chore_failures_total", "Runs of the chore that failed.", labels.CHORE)
OUTBOX_WAITING = _gauge(
    "nexus_outbox_waiting",
    "Messages that wait: mail to leave, decisions of patients to reach what was derived (withdrawals among them), entries of"
    " the key service to reach the log.",
    labels.OUTBOX,
)
LOG_SIZE = _gauge("nexus_log_published_size", "Entries of the audit log under the newest checkpoint.")
LOG_AT = _gauge("nexus_log_published_timestamp_seconds", "When that checkpoint was last confirmed.")
WITNESSED = _gauge(
    "nexus_log_witnessed", "1 while the newest checkpoint has the cosignatures that the policy asks for."
)
WITNESS_LAG = _gauge("nexus_log_witness_lag_seconds", "Time since a checkpoint was last witnessed as the policy asks.")
WITNESSES_FAILING = _gauge("nexus_log_witnesses_failing", "Witnesses that did not cosign the newest checkpoint.")
SCRUBBED = _gauge(
    "nexus_scrub_blobs",
    "Blobs of the walk under way, or of the last one, by what was found.",
    labels.WALK,
    labels.FINDING,
)
SCRUB_FINISHED = _gauge("nexus_scrub_finished_timestamp_seconds", "When the last walk ended.", labels.WALK)
PLACE_FREE = _gauge("nexus_blob_place_free_bytes", "Free space of a place of contents.", labels.PLACE)
PLACE_USABLE = _gauge(
    "nexus_blob_place_usable", "1 while the place is there and bears the mark of this platform.", labels.PLACE
)
DISK_FREE = _gauge("nexus_disk_free_bytes", "Free space of the disk with the data directory.")

# Processes and traces
READY = _gauge(
    "nexus_process_ready", "1 while the process has all that it needs; 0: it would refuse, or it is not there."
)
MISSING = _gauge("nexus_process_missing", "1 while this is missing to the process.", labels.COMPONENT)
RESTARTS = _counter("nexus_process_restarts_total", "How often the supervisor has started the process again.")
CPU_SECONDS = _counter("nexus_process_cpu_seconds_total", "Processor time that the process has used.")
MEMORY = _gauge("nexus_process_resident_bytes", "Memory of the process.")
SPANS = _counter(
    "nexus_spans_total",
    "Spans of traces: kept or dropped where they are made; sent, dropped or failed where they leave.",
    labels.FATE,
)

METRICS: Final = tuple(value for value in list(vars().values()) if isinstance(value, Metric))
BY_NAME: Final = {metric.name: metric for metric in METRICS}
