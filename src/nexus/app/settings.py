"""Every setting, with its unit, limits and default. The only place that reads the environment and `nexus.toml`.

A setting `s3_port` is given as `NEXUS_S3_PORT=9000` in the environment, or as `s3_port = 9000` under `[settings]` in the
data directory's `nexus.toml`; the environment wins. Lists are separated by commas in the environment.
docs/reference/settings.md is generated from this file.
"""

import os
import pwd
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from nexus.app.setting import Folder, Port, doc
from nexus.app.warehouse_settings import WarehouseSettings
from nexus.iam.conditions import Conditions
from nexus.iam.zones import zones
from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

PREFIX = "NEXUS_"
DATA_VARIABLE = "NEXUS_DATA"
FOREIGN_VARIABLES = frozenset({"NEXUS_SHARED_DATA"})
"""Variables with our prefix that are no settings: they tell demonstrations and tests where sample data lie."""


class Settings(WarehouseSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of one platform. Immutable: a change needs a restart."""

    host: Annotated[str, doc("Address that the doors listen on. `0.0.0.0` opens them to the network.")] = "127.0.0.1"
    names: Annotated[
        tuple[str, ...],
        doc("Further DNS names and IP addresses by which clients reach the doors; they go into the certificates."),
    ] = ()
    s3_port: Annotated[Port, doc("TCP port of the S3 door; 0 takes a free one at each start.")] = 9000
    api_port: Annotated[Port, doc("TCP port of the REST door; 0 takes a free one at each start.")] = 9443
    console_port: Annotated[
        int,
        doc("TCP port of the console; 0 takes a free one at each start, -1 keeps it closed.", ge=-1, le=65_535),
    ] = 8443
    console_url: Annotated[
        str,
        doc(
            "Address that browsers reach the console at, without a path. Empty: `https://localhost:<console_port>`.",
            pattern="^(https://[a-z0-9.-]+(:[0-9]{1,5})?)?$",
        ),
    ] = ""
    portal_port: Annotated[
        int,
        doc("TCP port of the patient portal; 0 takes a free one at each start, -1 keeps it closed.", ge=-1, le=65_535),
    ] = 8444
    portal_url: Annotated[
        str,
        doc(
            "Address that patients reach the portal at, without a path: it is on their letters, and their passkeys belong to"
            " it. Empty: `https://localhost:<portal_port>`.",
            pattern="^(https://[a-z0-9.-]+(:[0-9]{1,5})?)?$",
        ),
    ] = ""
    bastion_port: Annotated[
        int,
        doc("TCP port of the bastion (SSH); 0 takes a free one at each start, -1 keeps it closed.", ge=-1, le=65_535),
    ] = 2222
    bastion_command: Annotated[
        tuple[str, ...],
        doc(
            "Program and arguments of a shell behind the bastion; a command follows as `-c`. Empty: `/bin/bash -l`, as the"
            " account that runs Nexus. Better: `sudo,-n,-u,operator,/bin/bash,-l`, as an account without the platform's files."
        ),
    ] = ()
    bastion_idle_minutes: Annotated[
        int, doc("Time without a key stroke after which a shell behind the bastion ends.", "minutes", ge=1, le=240)
    ] = 15
    s3_processes: Annotated[
        int,
        doc("Processes that serve the S3 door. One for each core that may be spent on it.", "processes", ge=1, le=64),
    ] = 1
    region: Annotated[str, doc("Region name that S3 clients sign their requests for.")] = "eu-west-3"
    zone: Annotated[str, doc("Name of the place where the data lie; bound into each key.")] = "zone-1"

    provider: Annotated[
        str,
        doc("Where keys live: `keystore` (sealed file) or `pkcs11` (a token).", pattern="^(keystore|pkcs11)$"),
    ] = "keystore"
    pkcs11_module: Annotated[
        str, doc("Path of the token's PKCS#11 library. Empty: look for SoftHSM.", pattern="^(/.*)?$")
    ] = ""
    pkcs11_label: Annotated[str, doc("Label of the token.")] = "nexus"

    anchors: Annotated[
        tuple[Folder, ...],
        doc(
            "Directories (absolute paths), outside the data directory and outside every backup, that each hold a copy of the register"
            " that keeps destroyed keys destroyed. Empty: one, beside the data directory (`<data>-anchors`)."
        ),
    ] = ()

    breached_passwords: Annotated[
        str,
        doc(
            "File (absolute path) with SHA-1 digests of passwords known from breaches, sorted, one a line: new passwords are"
            " compared with it, on this machine. Empty: no such list.",
            pattern="^(/.*)?$",
        ),
    ] = ""

    network_zones: Annotated[
        tuple[str, ...],
        doc(
            "Names for the networks that requests come from: `office=10.1.0.0/16`; a name may stand in several. `local` is"
            " this machine, `outside` what no zone holds."
        ),
    ] = ()
    time_zone: Annotated[str, doc("Time zone of working hours, such as `Europe/Paris`.", min_length=1)] = "UTC"
    working_days: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=7)], ...], doc("Working days; 1 is Monday, 7 is Sunday.")
    ] = (1, 2, 3, 4, 5)
    working_from: Annotated[int, doc("Hour at which working hours begin.", "o'clock", ge=0, le=23)] = 7
    working_until: Annotated[int, doc("Hour at which working hours end.", "o'clock", ge=1, le=24)] = 20
    privileged_zones: Annotated[
        tuple[str, ...],
        doc("Network zones from which privileged roles act. Empty: from everywhere."),
    ] = ()
    privileged_device_certificate: Annotated[
        bool, doc("Privileged roles act only from devices that have proved themselves by a certificate.")
    ] = False
    fresh_factor_minutes: Annotated[
        int,
        doc(
            "Age of the last proved factor above which keys and rights cannot be administered. 0: no limit but the"
            " session's.",
            "minutes",
            ge=0,
            le=720,
        ),
    ] = 0
    research_zones: Annotated[
        tuple[str, ...], doc("Network zones from which researchers work. Empty: from everywhere.")
    ] = ()
    research_in_working_hours: Annotated[bool, doc("Researchers work in working hours only.")] = False
    project_members_only: Annotated[
        bool,
        doc(
            "Researchers reach a project's data only with a right within that project, whatever wider right they hold."
        ),
    ] = False
    separate_duties: Annotated[
        bool,
        doc("Whoever holds conflicting duties of the platform exercises none of them. Needs more than two founders."),
    ] = False

    federation_file: Annotated[
        str,
        doc(
            "File (absolute path, TOML) that names outside OpenID Connect issuers that people may sign in with. Empty: none.",
            pattern="^(/.*)?$",
        ),
    ] = ""
    fhir_terms_file: Annotated[
        str,
        doc(
            "File (absolute path, JSON) that says what the sites' own codes and references mean in FHIR consents. Empty: none.",
            pattern="^(/.*)?$",
        ),
    ] = ""
    notification_file: Annotated[
        str,
        doc(
            "File (absolute path, TOML) that names the addresses that may be told of events of buckets. Empty: none.",
            pattern="^(/.*)?$",
        ),
    ] = ""
    certificate_hours: Annotated[
        int, doc("Life of the doors' certificates; they are renewed after two thirds of it.", "hours", ge=1, le=2_160)
    ] = 168
    checkpoint_interval_ms: Annotated[
        int, doc("Longest time before new entries are under a signed checkpoint.", "milliseconds", ge=50, le=60_000)
    ] = 1_000
    verify_every_hours: Annotated[
        int, doc("Time after which the worker verifies the whole audit log again.", "hours", ge=1, le=8_760)
    ] = 24
    witness_authority: Annotated[
        str,
        doc(
            "File with the certificate authority of the witnesses' TLS. Empty: the authorities that this machine trusts."
        ),
    ] = ""
    alarm_webhook: Annotated[
        str,
        doc(
            "Address (https) that takes each alarm, such as a use of break-glass, as a JSON document of ids. Empty: alarms"
            " are told in the journal of the worker only.",
            pattern="^(https://.+)?$",
        ),
    ] = ""
    alarm_authority: Annotated[
        str,
        doc("File with the certificate authority of that address. Empty: the authorities that this machine trusts."),
    ] = ""
    stop_grace_s: Annotated[
        int, doc("Time that running requests get to finish when the platform stops.", "seconds", ge=1, le=600)
    ] = 10
    backup_max_age_hours: Annotated[
        int, doc("Age of the last backup above which `nexus doctor` complains.", "hours", ge=1, le=8_760)
    ] = 26
    free_space_min_mib: Annotated[int, doc("Free disk space below which `nexus doctor` complains.", "MiB", ge=16)] = (
        2_048
    )
    demo_destruction_seconds: Annotated[
        int,
        doc(
            "Waiting period before a key is destroyed. Accepted only in a demonstration's data directory;"
            " 0 keeps the rule of 7 to 30 days.",
            "seconds",
            ge=0,
            le=600,
        ),
    ] = 0
    log_level: Annotated[
        str, doc("Least severe message that processes write.", pattern="^(debug|info|warning|error)$")
    ] = "info"

    def conditions(self) -> Conditions:
        """What must be true of the moment, besides the right. Raises Invalid where the settings do not fit together."""
        return Conditions(
            zones=zones(self.network_zones),
            time_zone=self.time_zone,
            privileged_zones=frozenset(self.privileged_zones),
            privileged_device=self.privileged_device_certificate,
            passkeys_only=self.passkeys_only,
            fresh_factor_s=60 * self.fresh_factor_minutes,
            research_zones=frozenset(self.research_zones),
            research_hours=self.research_in_working_hours,
            members_only=self.project_members_only,
            separate_duties=self.separate_duties,
            working_days=frozenset(self.working_days),
            from_hour=self.working_from,
            to_hour=self.working_until,
        )


def data_path(environment: Mapping[str, str] | None = None) -> Path:
    """The data directory that the environment names, or this machine's default place."""
    env = os.environ if environment is None else environment
    if named := env.get(DATA_VARIABLE):
        return Path(named)
    if os.geteuid() == 0:
        return Path("/var/lib/nexus")
    return Path(env.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nexus"


def shared_data_path(environment: Mapping[str, str] | None = None) -> Path | None:
    """Where sample data for demonstrations lie, if the environment says so."""
    env = os.environ if environment is None else environment
    named = env.get("NEXUS_SHARED_DATA")
    return Path(named) if named else None


def console_url(chosen: Settings, port: int) -> str:
    """Where browsers reach the console that listens on `port`: the issuer's name, and the origin that passkeys know.

    `port`: 0 where it is kept closed.
    """
    return chosen.console_url or (f"https://localhost:{port}" if port else "https://localhost")


def portal_url(chosen: Settings, port: int) -> str:
    """Where patients reach the portal that listens on `port`: the origin that their passkeys know."""
    return chosen.portal_url or f"https://localhost:{port}"


@dataclass(frozen=True, slots=True)
class Account:
    """The Unix account that this process runs as."""

    name: str
    home: str


def account() -> Account:
    """Its name and home, as the machine knows them: the environment is not asked."""
    try:
        known = pwd.getpwuid(os.geteuid())
    except KeyError:
        return Account(str(os.geteuid()), "/")
    return Account(known.pw_name, known.pw_dir)


class ClientSettings(Struct, frozen=True, kw_only=True):
    """What the command line reads from its user's environment; its options win over each of these."""

    url: str
    """`NEXUS_URL`: address of the REST door. Empty: the platform of this machine's data directory."""
    ca: Path | None
    """`NEXUS_CA`: certificate of the authority that the door's certificate must come from."""
    token: Secret | None
    """`NEXUS_TOKEN`: a service token, for programs that do not sign in."""
    state: Path
    """`$XDG_STATE_HOME/nexus`: where sessions are kept."""
    french: bool
    """Whether `LC_ALL`, `LC_MESSAGES` or `LANG` ask for French."""


def client_settings(environment: Mapping[str, str] | None = None) -> ClientSettings:
    """The client's part of the environment."""
    env = os.environ if environment is None else environment
    token = env.get("NEXUS_TOKEN", "")
    language = env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return ClientSettings(
        url=env.get("NEXUS_URL", ""),
        ca=Path(env["NEXUS_CA"]) if env.get("NEXUS_CA") else None,
        token=Secret(token.encode()) if token else None,
        state=Path(env.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "nexus",
        french=language.lower().startswith("fr"),
    )


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that we start: ours without our own variables (it is handed settings), and `extra`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**inherited, **extra}


def load(file: Path | None, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Defaults, then `[settings]` of `file`, then the environment, then what the caller gives (command line).

    Raises Invalid that names the setting, where it came from and what it may be.
    """
    values: dict[str, Any] = {}
    for source, part in (
        (str(file), _from_file(file)),
        ("the environment", _from_environment(os.environ if environment is None else environment)),
        ("the command line", {name: value for name, value in given.items() if value is not None}),
    ):
        check(part, source)
        values |= part
    settings = msgspec.convert(values, Settings, strict=False)
    settings.require_mail()
    settings.require_blobs()
    settings.require_watch()
    settings.ages()
    settings.bases()
    settings.proxies()
    settings.conditions()  # what does not fit together is refused here, before anything starts
    return settings


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None or not file.exists():
        return {}
    try:
        return dict(tomllib.loads(file.read_text("utf-8")).get("settings", {}))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file} is not valid TOML: {error}", code="settings.toml") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable == DATA_VARIABLE or variable in FOREIGN_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in Settings.__struct_fields__:
            continue  # other programs' variables (the command line client has its own) are not ours to judge
        values[name] = [part.strip() for part in text.split(",") if part.strip()] if _is_list(name) else text
    return values


def _is_list(name: str) -> bool:
    return isinstance(getattr(_DEFAULTS, name), tuple)


def check(part: dict[str, Any], source: str) -> None:
    """Judge one source by itself, so that the message can name it. Raises Invalid."""
    for name, value in part.items():
        if name not in Settings.__struct_fields__:
            near = get_close_matches(name, Settings.__struct_fields__, n=1)
            raise Invalid(
                f"there is no setting named {name} ({source})",
                code="settings.unknown",
                hint=f"did you mean {near[0]}?" if near else "docs/reference/settings.md lists them all",
            )
        try:
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError as error:
            raise Invalid(
                f"the setting {name} from {source} is not accepted: {error}",
                code="settings.value",
                hint="docs/reference/settings.md says what it may be",
            ) from error


_DEFAULTS = Settings()
