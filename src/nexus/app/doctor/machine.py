"""The machine: processor, clock, swap, limits, user."""

import ctypes
import os
import resource
from pathlib import Path

from nexus.app.doctor.finding import Finding, broken, degraded, real, unknown

OPEN_FILES_MIN = 4_096
"""Descriptors that a door needs when a thousand clients stream at once."""
CLOCK_ERROR_MAX_MS = 100
"""Largest error of the clock that audit entries may carry (RG-39)."""
_PROC = Path("/proc")
_STA_UNSYNC, _TIME_ERROR = 0x0040, 5


def aes(proc: Path = _PROC) -> Finding:
    """Whether the processor has instructions for AES and SHA-256."""
    try:
        words = set((proc / "cpuinfo").read_text().lower().split())
    except OSError:
        return unknown("processor", "the processor's features cannot be read")
    if "aes" not in words:
        return degraded(
            "processor",
            "no AES instructions: encryption costs ten to thirty times more",
            "use a processor with AES-NI (or ARMv8 cryptography), or let the virtual machine see it",
        )
    sha = "with" if words & {"sha_ni", "sha2"} else "without"
    return real("processor", f"AES in hardware, {sha} SHA-256 in hardware")


class _Timex(ctypes.Structure):
    """`struct timex` as far as we read it; the rest is padding."""

    _fields_ = [  # ctypes wants a plain list
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]


def clock() -> Finding:
    """Whether the kernel's clock follows a reference."""
    state = _Timex()
    answer = ctypes.CDLL(None).adjtimex(ctypes.byref(state))
    if answer < 0:
        return unknown("clock", "the kernel does not say whether the clock is synchronised")
    return judge_clock(
        synchronised=not (state.status & _STA_UNSYNC) and answer != _TIME_ERROR, error_ms=state.maxerror / 1_000
    )


def judge_clock(*, synchronised: bool, error_ms: float) -> Finding:
    mend = "run chrony or systemd-timesyncd against a reference clock"
    if not synchronised:
        return degraded("clock", "not synchronised: times in the audit log may be wrong", mend)
    if error_ms > CLOCK_ERROR_MAX_MS:
        return degraded("clock", f"synchronised, but up to {error_ms:.0f} ms off", mend)
    return real("clock", f"synchronised, at most {error_ms:.0f} ms off")


def swap(proc: Path = _PROC) -> Finding:
    """Whether memory, and with it keys, may be written to a disk."""
    try:
        rows = (proc / "swaps").read_text().splitlines()[1:]
    except OSError:
        return unknown("swap", "the swap areas cannot be read")
    devices = [row.split()[0] for row in rows if row.strip()]
    clear = [device for device in devices if not device.startswith(("/dev/zram", "/dev/dm-", "/dev/mapper/"))]
    if clear:
        return degraded(
            "swap",
            f"memory may be written in clear to {', '.join(clear)}, keys included",
            "turn swap off (swapoff -a) or encrypt it",
        )
    return real("swap", "none in clear")


def other_shells(bastion: str, proc: Path = _PROC) -> Finding:
    """Whether an sshd listens beside the bastion. `bastion`: its address, empty where it is closed."""
    mend = "close it, or let it listen where nobody administers: docs/how-to/administer-the-machine.md shows how"
    try:
        names = [folder for folder in proc.iterdir() if folder.name.isdigit()]
    except OSError:
        return unknown("ways in", "the processes of this machine cannot be listed")
    if any(_name(folder) == "sshd" for folder in names):
        return degraded("ways in", "an sshd runs beside the bastion: what happens there is not in the log", mend)
    if not bastion:
        return real("ways in", "no sshd and no bastion: the machine's own console is the only way in")
    return real("ways in", f"the bastion ({bastion}) and the machine's own console")


def deliveries(port: int, address: str) -> Finding:
    """Whether the SFTP door is as the setting has it. `address`: where it is open; empty where it is not."""
    if port < 0:
        return real("deliveries", "over S3; the SFTP door is closed")
    if not address:
        return degraded("deliveries", "the SFTP door is to be open and is not", "start the platform anew: `nexus up`")
    return real("deliveries", f"over S3, and over SFTP at {address}")


def _name(folder: Path) -> str:
    try:
        return (folder / "comm").read_text("utf-8", "replace").strip()
    except OSError:  # it has just ended
        return ""


def user() -> Finding:
    """Who the platform runs as."""
    if os.geteuid() == 0:
        return degraded("user", "runs as root", "give it a user of its own; docs/how-to/install.md shows how")
    return real("user", "runs as a user of its own")


def open_files() -> Finding:
    """How many files and connections a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES_MIN:
        return broken("open files", f"at most {hard} for each process", f"raise the limit to {OPEN_FILES_MIN} or more")
    return real("open files", f"{soft} for each process")
