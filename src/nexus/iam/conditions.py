"""Conditions: what must be true of the moment, besides the right, before somebody may act.

The rules stand in `policy/conditions.cedar`. Which of them are in force, and their parameters, is configuration; a rule
that is not configured is left out before Cedar is asked. docs/how-to/restrict-access-by-condition.md is the guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nexus.iam.zones import Zones, zones
from nexus.kernel.errors import Denied, Invalid

PRIVILEGED_ZONES: Final = "privileged-roles-act-from-named-zones"
PRIVILEGED_DEVICE: Final = "privileged-roles-act-from-certified-devices"
FRESH_FACTOR: Final = "keys-and-rights-need-a-fresh-factor"
RESEARCH_ZONES: Final = "researchers-work-from-named-zones"
RESEARCH_HOURS: Final = "researchers-work-in-working-hours"
PASSKEYS_ONLY: Final = "persons-act-after-a-passkey"
SEPARATE_DUTIES: Final = "conflicting-duties-are-not-exercised-together"
MEMBERS_ONLY: Final = "project-data-are-for-the-members-of-the-project"

SETTING_OF: Final[Mapping[str, str]] = {
    PRIVILEGED_ZONES: "privileged_zones",
    PRIVILEGED_DEVICE: "privileged_device_certificate",
    PASSKEYS_ONLY: "passkeys_only",
    FRESH_FACTOR: "fresh_factor_minutes",
    RESEARCH_ZONES: "research_zones",
    RESEARCH_HOURS: "research_in_working_hours",
    MEMBERS_ONLY: "project_members_only",
    SEPARATE_DUTIES: "separate_duties",
}
"""The setting that puts each rule in force."""
ENTITY: Final = {"type": "Conditions", "id": "nexus"}
"""How the rules name their parameters in Cedar."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The rules in force with their parameters. As built without arguments: none is."""

    zones: Zones = zones()  # noqa: RUF009 - a constant
    time_zone: str = "UTC"
    privileged_zones: frozenset[str] = frozenset()
    privileged_device: bool = False
    passkeys_only: bool = False
    fresh_factor_s: int = 0
    research_zones: frozenset[str] = frozenset()
    research_hours: bool = False
    members_only: bool = False
    separate_duties: bool = False
    working_days: frozenset[int] = frozenset({1, 2, 3, 4, 5})
    """1 is Monday, 7 is Sunday."""
    from_hour: int = 7
    to_hour: int = 20
    """Working time ends when this hour begins."""

    def __post_init__(self) -> None:
        """Raises Invalid if a parameter names something that is not there: a wrong rule would lock everybody out."""
        for name in sorted((self.privileged_zones | self.research_zones) - self.zones.names()):
            known = ", ".join(sorted(self.zones.names()))
            raise Invalid(f"there is no network zone named {name}", code="iam.zones", hint=f"there are: {known}")
        if not 0 <= self.from_hour < self.to_hour <= 24 or not self.working_days <= frozenset(range(1, 8)):
            raise Invalid("the working hours are none", code="iam.working-hours", hint="from 7 to 20, on days 1 to 7")
        zone_of(self.time_zone)

    def in_force(self) -> frozenset[str]:
        """The ids of the rules that apply."""
        switches = {
            PRIVILEGED_ZONES: self.privileged_zones,
            PRIVILEGED_DEVICE: self.privileged_device,
            PASSKEYS_ONLY: self.passkeys_only,
            FRESH_FACTOR: self.fresh_factor_s,
            RESEARCH_ZONES: self.research_zones,
            RESEARCH_HOURS: self.research_hours,
            MEMBERS_ONLY: self.members_only,
            SEPARATE_DUTIES: self.separate_duties,
        }
        return frozenset(rule for rule, switch in switches.items() if switch)

    def attributes(self) -> dict[str, Any]:
        """The parameters as policies look at them."""
        return {
            "privileged_zones": self.privileged_zones,
            "research_zones": self.research_zones,
            "fresh_factor_s": self.fresh_factor_s,
            "working_days": self.working_days,
            "from_hour": self.from_hour,
            "to_hour": self.to_hour,
        }

    def entity(self) -> dict[str, Any]:
        """The parameters in Cedar's JSON form."""
        return {
            "uid": ENTITY,
            "attrs": {
                "privileged_zones": sorted(self.privileged_zones),
                "research_zones": sorted(self.research_zones),
                "fresh_factor_s": self.fresh_factor_s,
                "working_days": sorted(self.working_days),
                "from_hour": self.from_hour,
                "to_hour": self.to_hour,
            },
            "parents": [],
        }

    def described(self) -> dict[str, str]:
        """What each rule in force demands, in words, by its id."""
        days = ", ".join(
            ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day - 1] for day in sorted(self.working_days)
        )
        hours = f"{days} from {self.from_hour}:00 to {self.to_hour}:00 ({self.time_zone})"
        words = {
            PRIVILEGED_ZONES: f"privileged roles act from {_listed(self.privileged_zones)} only",
            PRIVILEGED_DEVICE: "privileged roles act from devices with a certificate only",
            PASSKEYS_ONLY: "persons act in sessions opened with a passkey only",
            FRESH_FACTOR: f"keys and rights need a factor proved within {self.fresh_factor_s // 60} minutes",
            RESEARCH_ZONES: f"researchers work from {_listed(self.research_zones)} only",
            RESEARCH_HOURS: f"researchers work {hours} only",
            SEPARATE_DUTIES: "whoever holds conflicting duties exercises none of them",
            MEMBERS_ONLY: "researchers reach data of projects that they are members of only",
        }
        return {rule: text for rule, text in words.items() if rule in self.in_force()}


def zone_of(name: str) -> tzinfo:
    """A time zone by its name (`Europe/Paris`). Raises Invalid if this machine does not know it."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(
            f"this machine knows no time zone {name!r}",
            code="iam.time-zone",
            hint="write Europe/Paris; the Debian package tzdata brings them",
        ) from error


NO_CONDITIONS: Final = Conditions()


_ZONE: Final = (
    "from this network you may not {tried}",
    "iam.condition-zone",
    "use the network from which your role works; the security officer knows which",
)
_HELP: Final[Mapping[str, tuple[str, str, str]]] = {
    PRIVILEGED_ZONES: _ZONE,
    RESEARCH_ZONES: _ZONE,
    PRIVILEGED_DEVICE: (
        "from this device you may not {tried}",
        "iam.condition-device",
        "use a device that has a certificate",
    ),
    PASSKEYS_ONLY: (
        "to {tried}, sign in with a passkey",
        "iam.condition-passkey",
        "register a passkey on your account page if you have none, then sign in with it",
    ),
    FRESH_FACTOR: (
        "to {tried}, prove a factor again",
        "iam.condition-factor",
        "sign in again, then repeat it: what administers keys and rights needs a factor proved just now",
    ),
    RESEARCH_HOURS: (
        "at this hour you may not {tried}",
        "iam.condition-hours",
        "come back in working hours",
    ),
    SEPARATE_DUTIES: (
        "holding conflicting duties, you may not {tried}",
        "iam.condition-duties",
        "`nexus iam me read` shows your roles; have one of two that conflict taken away",
    ),
    MEMBERS_ONLY: (
        "you may not {tried} without being a member of the project",
        "iam.condition-membership",
        "ask the data steward for a right within the project",
    ),
}
"""What is said to whom each rule stops: message, code, hint."""


def refusal(rule: str, tried: str, rules: tuple[str, ...]) -> Denied:
    """What somebody hears who has the right, but not now or not from here. `tried`: what he wanted, in words."""
    message, code, hint = _HELP[rule]
    return Denied(message.format(tried=tried), code=code, hint=hint, rules=rules)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
