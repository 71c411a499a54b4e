"""The facts of the moment, as far as a decision looks at them, and how long they stay what they are.

A decision is remembered under the facts that policies look at for its action, and no longer than those that move by
themselves (the hour, the age of a factor) stand still. So what is remembered equals what would be decided anew.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from typing import NamedTuple

from nexus.iam.conditions import Conditions, zone_of
from nexus.iam.decisions import Circumstances
from nexus.iam.memory import remember
from nexus.kernel.clock import HOUR, MINUTE, SECOND, Instant
from nexus.kernel.operation import Actor

MAX_ORIGINS = 8_192
"""Client addresses whose zone is remembered in a process."""
ALWAYS_SINCE, ALWAYS = Instant(0), Instant(2**62)
SKEW = 30 * SECOND
"""How far the clock may go back, as clocks do when they are set right, before a proof counts as one of the future."""
OF_THE_HOUR = frozenset({"hour", "weekday"})


class Client(NamedTuple):
    """Who asks, from where. `device`: the enrolled device that the client proved to be; empty if it did not."""

    actor: Actor
    origin: str
    device: str


class Moment(NamedTuple):
    """Facts, and from when until just before when those that were looked at stand still."""

    facts: Circumstances
    since: Instant
    until: Instant


class _Hour(NamedTuple):
    since: Instant
    until: Instant
    hour: int
    weekday: int


class Surroundings:
    """Finds the facts for questions. One for each gate."""

    def __init__(self, conditions: Conditions) -> None:
        self._zones = conditions.zones
        self._time_zone = zone_of(conditions.time_zone)
        self._zone_of: OrderedDict[str, str] = OrderedDict()
        self._this_hour = _Hour(Instant(0), Instant(0), -1, 0)

    def key(self, looks: frozenset[str], client: Client) -> tuple[Hashable, ...]:
        """What a decision that looks at these facts is remembered under, besides who asks for what."""
        parts: list[Hashable] = []
        if "zone" in looks:
            parts.append(self.zone(client.origin))
        if "device_certificate" in looks:
            parts.append(bool(client.device))
        if "factors" in looks:
            parts.append(client.actor.factors)
        if "factor_age_s" in looks:
            parts.append(client.actor.proved_at)
        return tuple(parts)

    def moment(self, looks: frozenset[str], client: Client, purpose: str, now: Instant) -> Moment:
        """The facts now."""
        actor, hour, age = client.actor, self._hour(now), _age(client.actor.proved_at, now)
        since, until = ALWAYS_SINCE, ALWAYS
        if looks & OF_THE_HOUR:
            since, until = hour.since, hour.until
        if "factor_age_s" in looks and actor.proved_at is not None:
            begins = actor.proved_at - SKEW  # before that, the proof is one of the future
            end = begins if age is None else actor.proved_at + age * SECOND + 1
            since = Instant(max(since, 0 if age is None else end - MINUTE if age else begins))
            until = Instant(min(until, end))
        facts = Circumstances(
            purpose=purpose,
            signed_in=actor.session is not None,
            zone=self.zone(client.origin),
            hour=hour.hour,
            weekday=hour.weekday,
            factors=actor.factors,
            factor_age_s=age,
            device_certificate=bool(client.device),
        )
        return Moment(facts, since, until)

    def zones(self) -> frozenset[str]:
        """The names of the network zones."""
        return self._zones.names()

    def zone(self, origin: str) -> str:
        """The network zone of a client's address."""
        known = self._zone_of.get(origin)
        if known is None:
            known = self._zones.of(origin)
            remember(self._zone_of, origin, known, MAX_ORIGINS)
        return known

    def _hour(self, now: Instant) -> _Hour:
        known = self._this_hour
        if not known.since <= now < known.until:
            local = datetime.fromtimestamp(now // SECOND, self._time_zone)
            begun = local.minute * MINUTE + local.second * SECOND + now % SECOND
            since = Instant(now - begun)
            known = self._this_hour = _Hour(since, Instant(since + HOUR), local.hour, local.isoweekday())
        return known


def _age(proved_at: Instant | None, now: Instant) -> int | None:
    """Seconds since a factor was proved, in whole minutes rounded up: strict, and still for a minute at a time.

    None where none was proved, or one in the future: the clock went back, and nobody knows how old it is.
    """
    if proved_at is None or now < proved_at - SKEW:
        return None
    return -(-max(0, now - proved_at) // MINUTE) * (MINUTE // SECOND)
