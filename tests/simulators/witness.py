"""A real witness in a process of its own, through the `nexus witness` command."""

import json
import socket
import subprocess
import sys
from pathlib import Path


class RunningWitness:
    """A witness that is founded at once and runs once it is told of a log."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.keys = self._command("init", "--name", name)["keys"]

    def spec(self) -> dict[str, object]:
        """How a log is configured with it."""
        return {"name": self.name, "url": f"http://{self.address}", "keys": self.keys}

    def watch(self, log_keys: list[str]) -> None:
        """Cosign the log with these keys, from now on."""
        self.stop()
        self._command("trust", *log_keys)
        self._command("run", "--listen", self.address, "--detach")

    def stop(self) -> None:
        self._command("stop")

    def _command(self, verb: str, *arguments: str) -> dict:
        done = subprocess.run(
            [sys.executable, "-m", "nexus", "witness", verb, str(self.root), *arguments, "--json"],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
