"""The data directory: its layout, its format version, and the lock that keeps two platforms out of one directory.

docs/formats/data-directory.md describes what lies where. Everything below the directory belongs to its owner alone
(mode 0700), and nothing in it is secret in clear.
"""

import fcntl
import json
import os
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nexus.kernel.errors import Conflict, Damaged, Invalid, NotFound
from nexus.kernel.ids import is_id, new_id

FORMAT = 1
"""Version of the layout. Raised when a program that knows only the former layout could do harm."""
MARKER_TEXT = "This directory belongs to a demonstration. Never put real patients' data here.\n"
PRIVATE = 0o077
"""The umask of every process that writes here: nobody but the owner reads anything."""
LOCK_WAIT_S = 10.0
"""How long `nexus up` waits for the last processes of a platform that was killed to disappear."""
_LOCK_POLL_S = 0.05
MAX_PATH_BYTES = 90
"""Unix sockets below the directory must fit into the 108 bytes that the kernel gives them."""


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The paths inside one data directory."""

    root: Path
    instance: str
    """Id of this platform, made at its founding; names its log, its certificate authority and its keys."""

    @property
    def description(self) -> Path:
        return self.root / "nexus.toml"

    @property
    def database(self) -> Path:
        return self.root / "nexus.db"

    @property
    def former_database(self) -> Path:
        """The file that the database was moved out of. Nobody opens it any more, and nobody removes it but people."""
        return self.root / "nexus.db.moved"

    @property
    def kms(self) -> Path:
        """Belongs to the key service: its database and, with the software provider, its sealed keystore."""
        return self.root / "kms"

    def anchors(self, named: Sequence[str]) -> tuple[Path, ...]:
        """The places of the anchor register: those that the setting names, or one beside the data directory."""
        folders = [Path(name) for name in named] or [self.root.with_name(f"{self.root.name}-anchors")]
        return tuple(folder / f"{self.instance}.anchors" for folder in folders)

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def recordings(self) -> Path:
        """Sealed recordings of what happened behind the bastion (docs/formats/recording.md). Made at the first one."""
        return self.root / "recordings"

    def warehouse(self, named: str) -> Path:
        """The folder of the warehouse (`warehouse.omop.layout.Layout`): the one that the setting names, or one in here."""
        return Path(named) if named else self.root / "warehouse" / "cdm"

    @property
    def mail(self) -> Path:
        """Only where `mail_delivery` is `folder`: what was "sent", in clear. Never in a platform that real people use."""
        return self.root / "mail"

    @property
    def log(self) -> Path:
        """The audit log as static files (C2SP tlog-tiles); a public web server may serve it as it is."""
        return self.root / "log"

    @property
    def keys(self) -> Path:
        """Wrapped keys only: useless without the key service."""
        return self.root / "keys"

    @property
    def certificate_authority(self) -> Path:
        """The public certificate that clients trust."""
        return self.root / "tls" / "ca.pem"

    @property
    def sftp_host_key(self) -> Path:
        """The public key that the SFTP door shows, as in a `.pub` file: what providers are given."""
        return self.root / "tls" / "sftp-host.pub"

    @property
    def former_authority(self) -> Path:
        """After a crossing over: the former root, and its statement about the present one."""
        return self.root / "tls" / "ca-former.pem"

    @property
    def former_authority_key(self) -> Path:
        """Only in a directory of an earlier Nexus, until its first start: the authority's key, wrapped."""
        return self.keys / "authority.wrapped"

    @property
    def run(self) -> Path:
        """Sockets and files that mean something only while the platform runs."""
        return self.root / "run"

    @property
    def kms_socket(self) -> Path:
        return self.run / "kms.sock"

    @property
    def control_socket(self) -> Path:
        return self.run / "control.sock"

    @property
    def supervisor_socket(self) -> Path:
        """Where services ask the supervisor; `control_socket` is for people on the machine."""
        return self.run / "supervisor.sock"

    @property
    def endpoints(self) -> Path:
        """Where the doors listen now."""
        return self.run / "endpoints.json"

    @property
    def log_report(self) -> Path:
        """How the publication of the audit log stands."""
        return self.run / "log.json"

    @property
    def verification_report(self) -> Path:
        """How the last verification of the whole audit log ended."""
        return self.run / "verified.json"

    @property
    def scrub_report(self) -> Path:
        """How far the walks over all blobs are, and what the last ones found."""
        return self.run / "scrubbed.json"

    @property
    def journal(self) -> Path:
        """Messages of a platform that was started with `--detach`."""
        return self.run / "nexus.log"

    @property
    def marker(self) -> Path:
        return self.root / "DEMONSTRATION"

    @property
    def is_demonstration(self) -> bool:
        """Whether this directory was founded as a demonstration; only then are its shortened periods accepted."""
        return self.marker.is_file()

    @property
    def backups(self) -> Path:
        """One line for each backup that was made of this directory."""
        return self.root / "backups.jsonl"


def create(
    root: Path, *, demonstration: bool = False, settings: Mapping[str, str | int] | None = None
) -> DataDirectory:
    """Lay out a new data directory, with `settings` written into it.

    Raises Conflict if there is one already, or if `root` holds anything else.
    """
    _check_length(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise Conflict(
            f"{root} is not empty",
            code="data.not-empty",
            hint="name an empty or new directory; a platform that is there already is started with `nexus up`",
        )
    directory = DataDirectory(root.resolve(), new_id("nx"))
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    root.chmod(0o700)
    parts = (directory.kms, directory.blobs, directory.log, directory.keys, root / "tls", directory.run)
    for part in parts:
        (directory.root / part.name).mkdir(mode=0o700)
    if demonstration:
        write_durably(directory.marker, MARKER_TEXT.encode())
    # Last, because this file is what makes it a data directory.
    lines = [f"{name} = {json.dumps(value)}" for name, value in (settings or {}).items()]  # JSON scalars are TOML
    text = f'# A Nexus data directory. docs/formats/data-directory.md\nformat = {FORMAT}\ninstance = "{directory.instance}"\n'
    write_durably(directory.description, "\n".join([text, "[settings]", *lines, ""]).encode())
    return directory


def open_directory(root: Path) -> DataDirectory:
    """The data directory at `root`. Raises NotFound, Damaged, or Conflict when a newer Nexus wrote it."""
    _check_length(root)
    file = root / "nexus.toml"
    if not file.is_file():
        raise NotFound(
            f"{root} is no data directory",
            code="data.missing",
            hint="`nexus init` founds a platform; --data or NEXUS_DATA says where it is",
        )
    try:
        description = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{file} cannot be read: {error}", code="data.description") from error
    version, instance = description.get("format"), description.get("instance")
    if not isinstance(version, int) or not isinstance(instance, str) or not is_id(instance, "nx"):
        raise Damaged(f"{file} does not say which format and which instance this is", code="data.description")
    if version > FORMAT:
        raise Conflict(
            f"{root} has data format {version}; this program knows formats up to {FORMAT}",
            code="data.newer-format",
            hint="start the newer Nexus that wrote it; nothing was changed",
        )
    return DataDirectory(root.resolve(), instance)


def _check_length(root: Path) -> None:
    if len(os.fsencode(root.resolve())) > MAX_PATH_BYTES:
        raise Invalid(
            f"the path of the data directory is longer than {MAX_PATH_BYTES} bytes",
            code="data.path-too-long",
            hint="sockets lie inside it, and the kernel limits their paths: choose a shorter one",
        )


def require_demonstration(directory: DataDirectory, demo_destruction_seconds: int) -> None:
    """Raises Invalid when a shortened waiting period meets a directory that is no demonstration."""
    if demo_destruction_seconds and not directory.is_demonstration:
        raise Invalid(
            "demo_destruction_seconds is accepted only in a demonstration's data directory",
            code="data.not-a-demonstration",
            hint="remove the setting: keys wait 7 to 30 days before they are destroyed",
        )


@contextmanager
def locked(directory: DataDirectory, *, wait_s: float = LOCK_WAIT_S) -> Iterator[int]:
    """Hold the directory for one platform; yields the lock's file descriptor.

    Child processes inherit that descriptor, and the kernel frees the lock only when the last copy is closed. So a
    platform that was killed keeps its directory until its last process is gone. Raises Conflict after `wait_s`.
    """
    descriptor = os.open(directory.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(descriptor, directory, wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(directory: DataDirectory) -> bool:
    """Whether a platform holds this directory now."""
    try:
        with locked(directory, wait_s=0):
            return False
    except Conflict:
        return True


def _acquire(descriptor: int, directory: DataDirectory, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_LOCK_POLL_S)
                continue
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise Conflict(
                f"another platform runs on {directory.root} (process {holder})",
                code="data.in-use",
                hint="`nexus status` shows it, `nexus down` stops it",
            ) from None
        return


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file so that after a crash it is either the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make renames and deletions inside a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
