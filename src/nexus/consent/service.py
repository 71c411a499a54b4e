"""Consent, as the doors and other rooms call it."""

from nexus.consent.ages import Ages
from nexus.consent.deciding import Deciding
from nexus.consent.holders import Holders
from nexus.consent.rulings import Rulings
from nexus.consent.sealing import SubjectSealing
from nexus.consent.subjects import Subjects
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database


class ConsentService:
    """The stories, by what they are about."""

    def __init__(
        self, database: Database, clock: Clock, *, sealing: SubjectSealing, ages: Ages, rulings: Rulings
    ) -> None:
        self.subjects = Subjects(database, clock, sealing, ages)
        self.holders = Holders(database, clock)
        self.deciding = Deciding(database, clock)
        self.rulings = rulings
