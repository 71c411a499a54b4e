"""Consent: who hears of decisions.

| topic               | receivers |
|---------------------|-----------|
| `consent.decided`   | nobody yet |
| `consent.withdrawn` | nobody yet |
"""

from collections.abc import Mapping, Sequence

from nexus.app.chores.announcing import Receiver
from nexus.app.ground import Ground
from nexus.consent.events import DECIDED, WITHDRAWN


def receivers(ground: Ground) -> Mapping[str, Sequence[Receiver]]:
    """Who is told of what patients decided, by topic."""
    return {DECIDED: (), WITHDRAWN: ()}
