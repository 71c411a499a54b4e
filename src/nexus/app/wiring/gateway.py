"""The bastion's own process: the SSH door. Apart from the bastion's operations, whose processes speak no SSH."""

import os
import sys
from pathlib import Path
from typing import Final

from nexus.app import settings
from nexus.app.custody import Part
from nexus.app.ground import Ground
from nexus.app.standing import SignIns
from nexus.app.wiring.bastion import CertificateAuthority
from nexus.bastion.gateway import Gateway
from nexus.bastion.live import Keepers
from nexus.bastion.model import End
from nexus.bastion.opening import House, Opening
from nexus.bastion.reaping import Reaper
from nexus.bastion.rights import Rights
from nexus.crypto.hpke import SealingKey
from nexus.iam.gate import Gate

KEYS: Final = (Part.BASTION_HOST,)
"""Which of the platform's keys the bastion's process holds, besides the database's, and no other."""
SHELL: Final = ("/bin/bash", "-l")
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def gateway(ground: Ground) -> Gateway:
    """The SSH door. It ends every session when the lease on the keys ends."""
    chosen = ground.settings
    keepers = Keepers(
        database=ground.database,
        lease=ground.hold,
        rights=Rights(SignIns(ground.database, ground.clock), Gate(ground.database, ground.clock, chosen.conditions())),
        clock=ground.clock,
        reaper=Reaper(adopting=True),
        idle_s=chosen.bastion_idle_minutes * 60.0,
    )
    house = House(
        recordings=ground.directory.recordings,
        shell=chosen.bastion_command or SHELL,
        home=_home(),
        environment=_environment(ground.directory.root),
    )
    opening = Opening(house, keepers, SealingKey(ground.index.audit_public), ground.operation)
    door = Gateway(opening, keepers, CertificateAuthority(ground.kms), ground.hold.secrets[Part.BASTION_HOST])
    ground.hold.on_wipe(lambda: door.end_all(End.SEALED))
    return door


def _home() -> Path:
    home = Path(settings.account().home)
    return home if home.is_dir() and os.access(home, os.X_OK) else Path("/")


def _environment(root: Path) -> dict[str, str]:
    """What a session's program is given, and nothing of ours besides: no variable of the platform or of the client."""
    who = settings.account()
    return {
        "PATH": f"{Path(sys.executable).parent}:{PATH}",
        "HOME": str(_home()),
        "USER": who.name,
        "LOGNAME": who.name,
        "SHELL": SHELL[0],
        "LANG": "C.UTF-8",
        settings.DATA_VARIABLE: str(root),
    }
