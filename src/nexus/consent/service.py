"""Consent, as the doors and other rooms call it."""

from dataclasses import dataclass

from nexus.consent.ages import Ages
from nexus.consent.claims import Claims
from nexus.consent.deciding import Deciding
from nexus.consent.holders import Holders
from nexus.consent.ports import Accounts, Documents, Proofs, Signer
from nexus.consent.reading import Reading
from nexus.consent.receipt_record import Circumstances
from nexus.consent.receipts import Receipts
from nexus.consent.recording import Recording
from nexus.consent.register import Register
from nexus.consent.rulings import Rulings
from nexus.consent.sealing import SubjectSealing
from nexus.consent.subjects import Subjects
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database


@dataclass(frozen=True, slots=True)
class Others:
    """Those whom consent asks, and where it stands."""

    documents: Documents
    accounts: Accounts
    signer: Signer
    proofs: Proofs
    circumstances: Circumstances


class ConsentService:
    """The stories, by what they are about."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        sealing: SubjectSealing,
        ages: Ages,
        rulings: Rulings,
        others: Others,
    ) -> None:
        self.subjects = Subjects(database, clock, sealing, ages)
        self.holders = Holders(database, clock)
        self.deciding = Deciding(database, clock)
        self.reading = Reading(database, clock, rulings)
        self.recording = Recording(database, clock, self.holders, others.documents, others.accounts)
        self.register = Register(database)
        self.claims = Claims(database, clock, sealing)
        self.receipts = Receipts(database, clock, others.signer, others.proofs, others.circumstances)
        self.rulings = rulings
