"""Forms of browsers as they are sent to the S3 door, with a policy that somebody signed."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

from nexus.kernel.clock import SECOND
from nexus.objects.s3.signature import signing_key
from simulators.s3_door import REGION, S3Door

BOUNDARY = "xYzZy"


def signed(
    door: S3Door, conditions: list[Any], *, key: Any = None, seconds: int = 600, **changes: Any
) -> dict[str, str]:
    """The fields of a form whose policy has these conditions."""
    key = key or door.owner_key
    now = datetime.fromtimestamp(door.clock.now() // SECOND, UTC)
    day, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    credential = f"{key.id}/{day}/{REGION}/s3/aws4_request"
    mine = [{"x-amz-algorithm": "AWS4-HMAC-SHA256"}, {"x-amz-credential": credential}, {"x-amz-date": moment}]
    expiration = datetime.fromtimestamp(door.clock.now() // SECOND + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {"expiration": expiration, "conditions": [*conditions, *mine], **changes}
    policy = b64encode(json.dumps(document).encode()).decode()
    signature = hmac.digest(signing_key(key.secret.reveal(), day, REGION), policy.encode(), "sha256").hex()
    return {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": credential,
        "x-amz-date": moment,
        "policy": policy,
        "x-amz-signature": signature,
    }


USUAL: list[Any] = [{"bucket": "records"}, ["starts-with", "$key", "up/"], ["content-length-range", 0, 1_000]]


def form(
    fields: dict[str, str], body: bytes = b"content", filename: str = "scan.dcm", *, end: bytes = b"--\r\n"
) -> bytes:
    """The form, as a browser sends it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/dicom\r\n\r\n"
    )
    return b"".join(parts) + head.encode() + body + f"\r\n--{BOUNDARY}".encode() + end
