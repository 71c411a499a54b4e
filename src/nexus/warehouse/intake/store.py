"""All SQL of intake."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from collections.abc import Mapping
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction
from nexus.warehouse.intake.agreement import Agreement
from nexus.warehouse.intake.manifest import Manifest
from nexus.warehouse.intake.model import Delivery, DeliveryState, Provider
from nexus.warehouse.intake.report import Checked, Report

_PROVIDER: Final = "id, name, title, site, bucket, agreement, revision, registered_by, registered_at, ended_at"
_DELIVERY: Final = (
    "id, provider, number, attempt, state, manifest_key, manifest_version, manifest_sha256, manifest, content, revision,"
    " submitted_by, submitted_at, decided_by, decided_at, operation, reason, versions, report"
)
_agreement = msgspec.json.Decoder(Agreement)
_manifest = msgspec.json.Decoder(Manifest | None)
_report = msgspec.json.Decoder(Report)
_versions = msgspec.json.Decoder(dict[str, str])
_checked = msgspec.json.Decoder(Checked)
_encode: Final = msgspec.json.Encoder(order="sorted").encode


# Providers


def add_provider(tx: Transaction, new: Provider) -> None:
    """Store a provider whose name and bucket nobody has."""
    tx.execute(
        f"INSERT INTO intake_provider ({_PROVIDER}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            *(new.id, new.name, new.title, new.site, new.bucket, _encode(new.agreement), new.revision),
            *(new.registered_by, new.registered_at),
        ),
    )


def provider(tx: Transaction, name: str) -> Provider | None:
    """A provider by its name."""
    row = tx.one(f"SELECT {_PROVIDER} FROM intake_provider WHERE name = ?", (name,))
    return None if row is None else _provider(row)


def provider_of_bucket(tx: Transaction, bucket: str) -> Provider | None:
    """Who delivers into a bucket now."""
    row = tx.one(f"SELECT {_PROVIDER} FROM intake_provider WHERE bucket = ? AND ended_at IS NULL", (bucket,))
    return None if row is None else _provider(row)


def buckets_delivered_into(tx: Transaction) -> list[str]:
    """The buckets of providers that have not ended."""
    return [
        str(name) for (name,) in tx.all("SELECT bucket FROM intake_provider WHERE ended_at IS NULL ORDER BY bucket")
    ]


def providers(tx: Transaction, after: str, limit: int) -> list[Provider]:
    """Providers in the order of their names, behind `after`."""
    rows = tx.all(f"SELECT {_PROVIDER} FROM intake_provider WHERE name > ? ORDER BY name LIMIT ?", (after, limit))
    return [_provider(row) for row in rows]


def agree(tx: Transaction, provider_id: str, agreement: Agreement) -> None:
    """Another agreement holds from now on."""
    tx.execute(
        "UPDATE intake_provider SET agreement = ?, revision = revision + 1 WHERE id = ?",
        (_encode(agreement), provider_id),
    )


def end_provider(tx: Transaction, provider_id: str, now: Instant) -> bool:
    """Take no delivery any more; False if it was ended before."""
    sql = "UPDATE intake_provider SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
    return tx.execute(sql, (now, provider_id)) > 0


# Deliveries


def add_delivery(tx: Transaction, new: Delivery) -> None:
    """Store a delivery that was just handed in."""
    tx.execute(
        f"INSERT INTO intake_delivery ({_DELIVERY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new.id, new.provider, new.number, new.attempt, new.state.value, new.manifest_key, new.manifest_version),
            *(new.manifest_sha256, _encode(new.manifest), new.content, new.revision, new.submitted_by),
            *(new.submitted_at, new.decided_by, new.decided_at, new.operation, new.reason),
            *(_encode(dict(new.versions)), _encode(new.report)),
        ),
    )


def decide(tx: Transaction, made: Delivery) -> None:
    """Store what became of a delivery, and forget how far its check was."""
    tx.execute(
        "UPDATE intake_delivery SET state = ?, revision = ?, decided_by = ?, decided_at = ?, operation = ?, reason = ?,"
        " versions = ?, report = ? WHERE id = ?",
        (
            *(made.state.value, made.revision, made.decided_by, made.decided_at, made.operation, made.reason),
            *(_encode(dict(made.versions)), _encode(made.report), made.id),
        ),
    )
    tx.execute("DELETE FROM intake_checked WHERE delivery = ?", (made.id,))


def delivery(tx: Transaction, provider_id: str, number: int) -> Delivery | None:
    """The last attempt at a number."""
    row = tx.one(
        f"SELECT {_DELIVERY} FROM intake_delivery WHERE provider = ? AND number = ? ORDER BY attempt DESC LIMIT 1",
        (provider_id, number),
    )
    return None if row is None else _delivery(row)


def accepted(tx: Transaction, provider_id: str, number: int) -> Delivery | None:
    """The delivery that was accepted under a number."""
    row = tx.one(
        f"SELECT {_DELIVERY} FROM intake_delivery WHERE provider = ? AND number = ? AND state = 'accepted'",
        (provider_id, number),
    )
    return None if row is None else _delivery(row)


def by_id(tx: Transaction, delivery_id: str) -> Delivery | None:
    """A delivery by its id."""
    row = tx.one(f"SELECT {_DELIVERY} FROM intake_delivery WHERE id = ?", (delivery_id,))
    return None if row is None else _delivery(row)


def deliveries(tx: Transaction, provider_id: str, before: str, limit: int) -> list[Delivery]:
    """Every attempt, the newest first, older than `before` (an id; empty: from the newest)."""
    rows = tx.all(
        f"SELECT {_DELIVERY} FROM intake_delivery WHERE provider = ? AND (id < ? OR ? = '') ORDER BY id DESC LIMIT ?",
        (provider_id, before, before, limit),
    )
    return [_delivery(row) for row in rows]


def next_waiting(tx: Transaction, after: str) -> tuple[Delivery, Provider] | None:
    """The oldest delivery behind `after` that waits for its check, with its provider."""
    row = tx.one(
        f"SELECT {_DELIVERY} FROM intake_delivery WHERE state = 'waiting' AND id > ? ORDER BY id LIMIT 1", (after,)
    )
    if row is None:
        return None
    found = _delivery(row)
    whose = tx.one(f"SELECT {_PROVIDER} FROM intake_provider WHERE id = ?", (found.provider,))
    assert whose is not None
    return found, _provider(whose)


def accepted_content(tx: Transaction, provider_id: str, content: str) -> int | None:
    """The number under which the same extract was accepted."""
    row = tx.one(
        "SELECT number FROM intake_delivery WHERE provider = ? AND content = ? AND state = 'accepted' LIMIT 1",
        (provider_id, content),
    )
    return None if row is None else int(row[0])


def last_accepted(tx: Transaction, provider_id: str) -> int:
    """The highest number that was accepted; 0 before the first."""
    row = tx.one(
        "SELECT coalesce(max(number), 0) FROM intake_delivery WHERE provider = ? AND state = 'accepted'",
        (provider_id,),
    )
    assert row is not None
    return int(row[0])


def last_accepted_of(tx: Transaction, provider_id: str) -> Delivery | None:
    """The accepted delivery of the highest number."""
    row = tx.one(
        f"SELECT {_DELIVERY} FROM intake_delivery WHERE provider = ? AND state = 'accepted' ORDER BY number DESC LIMIT 1",
        (provider_id,),
    )
    return None if row is None else _delivery(row)


def was_noticed(tx: Transaction, provider_id: str, manifest_version: str) -> bool:
    """Whether this very manifest was handed in before, or is known to repeat one that was."""
    asked = (provider_id, manifest_version)
    handed_in = tx.one("SELECT 1 FROM intake_delivery WHERE provider = ? AND manifest_version = ? LIMIT 1", asked)
    repeated = tx.one("SELECT 1 FROM intake_repeated WHERE provider = ? AND manifest_version = ?", asked)
    return handed_in is not None or repeated is not None


def repeats(tx: Transaction, provider_id: str, manifest_version: str) -> None:
    """A manifest says what another one said before."""
    tx.execute(
        "INSERT INTO intake_repeated (provider, manifest_version) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (provider_id, manifest_version),
    )


# How far a check is


def keep_checked(tx: Transaction, delivery_id: str, version: str, result: Checked) -> None:
    """A file of a delivery is checked."""
    tx.execute(
        "INSERT INTO intake_checked (delivery, file, version, result) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (delivery_id, result.file.name, version, _encode(result)),
    )


def checked(tx: Transaction, delivery_id: str) -> Mapping[tuple[str, str], Checked]:
    """(file, version) -> what its check said."""
    rows = tx.all("SELECT file, version, result FROM intake_checked WHERE delivery = ?", (delivery_id,))
    return {(file, version): _checked.decode(result) for file, version, result in rows}


def _provider(row: Row) -> Provider:
    id_, name, title, site, bucket, agreement, revision, by, at, ended_at = row
    return Provider(id_, name, title, site, bucket, _agreement.decode(agreement), revision, by, at, ended_at)


def _delivery(row: Row) -> Delivery:
    id_, provider_id, number, attempt, state, key, version, sha256, manifest, content, revision, *rest = row
    by, at, decided_by, decided_at, operation, reason, versions, report = rest
    return Delivery(
        *(id_, provider_id, number, attempt, DeliveryState(state), key, version, sha256, _manifest.decode(manifest)),
        *(by, at, content, revision, decided_by, decided_at, operation, reason),
        *(_versions.decode(versions), _report.decode(report)),
    )
