"""All SQL of notices."""

from collections.abc import Sequence
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction
from nexus.portal.notices.model import Choice, Code, Seen, Wish

_CHOICE: Final = "account, wish, refused, address, hint, since, sent_at, due_at, failed_at"
_CODE: Final = "account, code, address, hint, ends_at, tries, sent, sent_since"


def choice(tx: Transaction, account: str) -> Choice | None:
    """What an account chose, if it has an address."""
    row = tx.one(f"SELECT {_CHOICE} FROM portal_notice WHERE account = ?", (account,))  # noqa: S608 - a constant
    return None if row is None else _choice(row)


def put_choice(tx: Transaction, chosen: Choice) -> None:
    """Keep a choice, over the former one."""
    tx.execute(
        f"INSERT INTO portal_notice ({_CHOICE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account) DO UPDATE SET"  # noqa: S608
        " wish = excluded.wish, refused = excluded.refused, address = excluded.address, hint = excluded.hint,"
        " since = excluded.since, sent_at = excluded.sent_at, due_at = excluded.due_at, failed_at = excluded.failed_at",
        (
            chosen.account,
            chosen.wish.value,
            int(chosen.refused),
            chosen.address,
            chosen.hint,
            chosen.since,
            chosen.sent_at,
            chosen.due_at,
            chosen.failed_at,
        ),
    )


def forget(tx: Transaction, account: str) -> None:
    """Nothing is left of what an account chose, nor of what it was to be told."""
    tx.execute("DELETE FROM portal_notice WHERE account = ?", (account,))
    tx.execute("DELETE FROM portal_notice_code WHERE account = ?", (account,))
    drop_untold(tx, account)


def anybody(tx: Transaction) -> bool:
    """Whether anybody wishes anything."""
    return tx.one("SELECT 1 FROM portal_notice WHERE wish <> ? LIMIT 1", (Wish.NEVER.value,)) is not None


def accounts(tx: Transaction) -> list[str]:
    """Every account that has an address here."""
    return [row[0] for row in tx.all("SELECT account FROM portal_notice ORDER BY account")]


def first_that_counts(tx: Transaction) -> int | None:
    """The first place of the log that anybody wishes to hear of."""
    row = tx.one("SELECT min(since) FROM portal_notice WHERE wish <> ?", (Wish.NEVER.value,))
    return None if row is None or row[0] is None else int(row[0])


# Codes


def code(tx: Transaction, account: str) -> Code | None:
    """The code that an account was sent last."""
    row = tx.one(f"SELECT {_CODE} FROM portal_notice_code WHERE account = ?", (account,))  # noqa: S608 - a constant
    return None if row is None else Code(*row)


def put_code(tx: Transaction, made: Code) -> None:
    """Keep a code, over the former one."""
    tx.execute(
        f"INSERT INTO portal_notice_code ({_CODE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account) DO UPDATE SET"  # noqa: S608
        " code = excluded.code, address = excluded.address, hint = excluded.hint, ends_at = excluded.ends_at,"
        " tries = excluded.tries, sent = excluded.sent, sent_since = excluded.sent_since",
        (made.account, made.code, made.address, made.hint, made.ends_at, made.tries, made.sent, made.sent_since),
    )


def count_try(tx: Transaction, account: str) -> None:
    """One more code was typed."""
    tx.execute("UPDATE portal_notice_code SET tries = tries + 1 WHERE account = ?", (account,))


def end_code(tx: Transaction, account: str) -> None:
    """The code is worth nothing any more; how many were sent stays."""
    tx.execute(
        "UPDATE portal_notice_code SET code = ?, address = ?, hint = ? WHERE account = ?", (b"", b"", b"", account)
    )


# What was counted


def count(tx: Transaction, account: str, subject: str, uses: int) -> None:
    """So many more uses of a subject's data that an account is to be told of."""
    tx.execute(
        "INSERT INTO portal_untold (account, subject, uses) VALUES (?, ?, ?)"
        " ON CONFLICT (account, subject) DO UPDATE SET uses = portal_untold.uses + excluded.uses",
        (account, subject, uses),
    )


def untold(tx: Transaction, account: str) -> list[tuple[str, int]]:
    """What an account has not been told yet: subjects, and how many uses of each."""
    return [
        (row[0], int(row[1]))
        for row in tx.all("SELECT subject, uses FROM portal_untold WHERE account = ? ORDER BY subject", (account,))
    ]


def drop_untold(tx: Transaction, account: str) -> None:
    """It was told, or never will be."""
    tx.execute("DELETE FROM portal_untold WHERE account = ?", (account,))


def set_due(tx: Transaction, account: str, due_at: Instant) -> None:
    """When an account is told."""
    tx.execute("UPDATE portal_notice SET due_at = ? WHERE account = ?", (due_at, account))


def due(tx: Transaction, now: Instant, limit: int) -> list[str]:
    """Accounts whose time has come, the longest waiting first."""
    rows = tx.all(
        "SELECT account FROM portal_notice WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at, account LIMIT ?",
        (now, limit),
    )
    return [row[0] for row in rows]


def settled(tx: Transaction, account: str) -> None:
    """There was nothing to tell after all."""
    tx.execute("UPDATE portal_notice SET due_at = NULL WHERE account = ?", (account,))


def sent(tx: Transaction, account: str, mail: str, now: Instant) -> None:
    """A message to an account was posted."""
    tx.execute(
        "UPDATE portal_notice SET due_at = NULL, sent_at = ?, mail = ? WHERE account = ?",
        (now, mail, account),
    )


def given_up(tx: Transaction, mail: str, at: Instant) -> None:
    """A message did not arrive: the account sees so in the portal."""
    tx.execute("UPDATE portal_notice SET failed_at = ? WHERE mail = ?", (at, mail))


# Following the log


def followed(tx: Transaction) -> int | None:
    """The place up to which entries were counted; None before the first time."""
    row = tx.one("SELECT place FROM portal_followed WHERE id = 1")
    return None if row is None else int(row[0])


def set_followed(tx: Transaction, place: int) -> None:
    """Entries before this place are counted."""
    tx.execute(
        "INSERT INTO portal_followed (id, place) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET place = excluded.place",
        (place,),
    )


def put_off(tx: Transaction, uses: Sequence[Seen]) -> None:
    """Keep uses of which it is not known yet whose data they were of."""
    tx.execute_many(
        "INSERT INTO portal_unknown (place, name, refused, urgent) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(one.place, one.subject, int(one.refused), int(one.urgent)) for one in uses],
    )


def unknown(tx: Transaction, after: int, limit: int) -> list[Seen]:
    """Those that are kept, in the order of the log, from the one after a place."""
    rows = tx.all(
        "SELECT place, name, refused, urgent FROM portal_unknown WHERE place > ? ORDER BY place LIMIT ?", (after, limit)
    )
    return [Seen(row[0], row[1], bool(row[2]), bool(row[3])) for row in rows]


def known_now(tx: Transaction, one: Seen) -> bool:
    """It is known whose data it was of; whether it was still kept."""
    return tx.execute("DELETE FROM portal_unknown WHERE place = ?", (one.place,)) == 1


# Last messages


def part_from(tx: Transaction, parting: str, account: str, address: bytes) -> None:
    """An address is told that it was the last time."""
    tx.execute("INSERT INTO portal_parting (id, account, address) VALUES (?, ?, ?)", (parting, account, address))


def partings(tx: Transaction, limit: int) -> list[tuple[str, str, bytes]]:
    """Addresses that are told for the last time: (id, account, sealed address)."""
    rows = tx.all("SELECT id, account, address FROM portal_parting ORDER BY id LIMIT ?", (limit,))
    return [(row[0], row[1], row[2]) for row in rows]


def parted(tx: Transaction, parting: str) -> bool:
    """It was told; whether it still was to be."""
    return tx.execute("DELETE FROM portal_parting WHERE id = ?", (parting,)) == 1


def _choice(row: Row) -> Choice:
    account, wish, refused, address, hint, since, sent_at, due_at, failed_at = row
    return Choice(
        account,
        Wish(wish),
        bool(refused),
        address,
        hint,
        since,
        Instant(sent_at),
        None if due_at is None else Instant(due_at),
        None if failed_at is None else Instant(failed_at),
    )
