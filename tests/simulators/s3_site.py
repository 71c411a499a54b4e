"""An S3 door as clients meet it: granian, TLS 1.3, a certificate of our own authority; and the clients' programs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from nexus.kernel.clock import SystemClock
from simulators.s3_door import REGION, S3Door, open_s3_door
from simulators.tls_door import listening

MIB = 1024 * 1024
TIMEOUT_S = 300
OURS = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_", "RESTIC_"))}
"""The environment without what this machine may say to S3 clients."""


@dataclass
class Site:
    """Where it is, and with which key."""

    door: S3Door
    url: str
    ca: Path
    key: str
    secret: str

    def boto3(self, **config):
        """A client of it."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=REGION,
            verify=str(self.ca),
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **config),
        )

    @property
    def environment(self) -> dict[str, str]:
        """What programs that know AWS's variables read."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "SSL_CERT_FILE": str(self.ca),
            "AWS_CA_BUNDLE": str(self.ca),
            "NODE_EXTRA_CA_CERTS": str(self.ca),
        }


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """For as long as the block runs."""
    door = open_s3_door(folder, clock=SystemClock(), body_idle_s=10)
    with listening(door, folder) as server:
        yield Site(door, server.url, server.ca, door.owner_key.id, door.owner_key.secret.reveal().decode())
    door.close()


def a_bucket(s3, name: str) -> str:
    """A new bucket."""
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


def tool(name: str) -> str:
    """A program of the virtual environment or of the machine; skips the test where there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command, env=None, **kwargs) -> str:
    """Run it to its good end; returns what it printed."""
    done = subprocess.run(
        command,
        check=False,
        env={**OURS, **(env or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        **kwargs,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
