"""What the SFTP door speaks of, and every limit with its unit."""

from typing import Final

LOGIN_GRACE_S: Final = 10.0
"""In which a connection must have proved who it is."""
MAX_CONNECTIONS: Final = 64
MAX_OF_ADDRESS: Final = 8
"""Connections of one address at the same time."""
MAX_OFFERS: Final = 6
"""Keys that a connection may offer."""
MAX_SESSIONS: Final = 2
"""SFTP sessions of one connection."""
MAX_OPEN: Final = 8
"""Files of one session that are open at the same time."""
MAX_FILE_BYTES: Final = 5 << 40
WAITING_BLOCKS: Final = 16
"""Blocks of a file between the wire and the store; who sends faster waits."""
STANDING_S: Final = 1.0
"""How often it is asked whether a key still works, and how long a session has been idle."""
MAX_NAME_BYTES: Final = 1_024
MAX_LISTED: Final = 10_000
"""Names of one folder that are shown."""

WRITE: Final = "objects.object.write"
LIST: Final = "objects.object.list"
DOOR: Final = "sftp"
ENTER: Final = "intake.sftp.enter"
"""What the log calls a refused entrance."""
