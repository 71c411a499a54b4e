"""Which person agreed to which tool, and what the tool holds because of it."""

from dataclasses import dataclass

from nexus.iam.store import clients
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """An agreement as stored. `in_use`: something that was issued because of it has not ended."""

    client: str
    name: str
    scope: str
    agreed_at: Instant
    in_use: bool


def of_person(tx: Transaction, person: str) -> list[AgreementRow]:
    """The agreements of a person, by the tools' names."""
    rows = tx.all(
        "SELECT g.client, c.registration, g.scope, g.at,"
        " EXISTS (SELECT 1 FROM iam_oidc_authorization a JOIN iam_session s ON s.id = a.session"
        " WHERE a.person = g.person AND a.client = g.client AND a.ended_at IS NULL)"
        " FROM iam_oidc_consent g JOIN iam_oidc_client c ON c.id = g.client WHERE g.person = ?",
        (person,),
    )
    found = [AgreementRow(row[0], clients.named(row[1]), row[2], Instant(row[3]), bool(row[4])) for row in rows]
    return sorted(found, key=lambda each: (each.name, each.client))


def end(tx: Transaction, person: str, client: str, now: Instant) -> int | None:
    """Forget an agreement, end what was issued because of it, leave the tool a note for each session.

    Returns how many authorizations ended, or None if there was nothing to end.
    """
    had = tx.execute("DELETE FROM iam_oidc_consent WHERE person = ? AND client = ?", (person, client))
    codes = tx.execute(
        "DELETE FROM iam_oidc_code WHERE person = ? AND client = ? AND used_at IS NULL", (person, client)
    )
    tool = clients.find(tx, client)
    if tool is not None and tool.registration.backchannel_logout_uri:
        tx.execute(
            "INSERT INTO iam_oidc_goodbye (client, person, session) SELECT DISTINCT client, person, session"
            " FROM iam_oidc_authorization WHERE person = ? AND client = ? AND ended_at IS NULL",
            (person, client),
        )
    ended = tx.execute(
        "UPDATE iam_oidc_authorization SET ended_at = ? WHERE person = ? AND client = ? AND ended_at IS NULL",
        (now, person, client),
    )
    return ended if had or codes or ended else None


def forget_all_of(tx: Transaction, person: str) -> None:
    """A person is gone, and so is what she agreed to; what was issued ended with her sessions."""
    tx.execute("DELETE FROM iam_oidc_consent WHERE person = ?", (person,))
