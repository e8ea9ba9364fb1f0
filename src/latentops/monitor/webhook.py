"""Tell a URL that a window changed, signed as https://www.standardwebhooks.com has it.

No text of the window is sent.
"""

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from latentops.errors import DataError, SettingsError
from latentops.monitor.results import Comparison

TIMEOUT_SECONDS = 10.0
LEAST_SECRET_BYTES = 16
_PREFIX = "whsec_"  # before a secret in base64


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What is signed for one place goes to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def check(url: str) -> None:
    """Raises SettingsError for what is no address of the web."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        usable = False
    if not usable:
        raise SettingsError(
            f"--webhook should be an address as https://example.org/hook. Got {url!r}."
        )


def secret(path: Path) -> bytes:
    """The file's only line: whsec_ and base64. Raises SettingsError."""
    try:
        line = path.read_text(encoding="utf-8").strip()
        found = base64.b64decode(line.removeprefix(_PREFIX), validate=True)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"--webhook-secret-file {path} cannot be used ({error}). It should hold {_PREFIX} and "
            f"{LEAST_SECRET_BYTES} random bytes or more in base64."
        ) from error
    if not line.startswith(_PREFIX) or len(found) < LEAST_SECRET_BYTES:
        raise SettingsError(
            f"--webhook-secret-file {path} should hold {_PREFIX} and {LEAST_SECRET_BYTES} random "
            f"bytes or more in base64. It holds {len(found)}."
        )
    return found


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Of version 1: HMAC-SHA256 of id, time and body with dots between."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode('ascii')}"


def send(found: Comparison, url: str, key: bytes) -> None:
    """Once. Raises DataError where the answer is not 2xx, or none comes in 10 seconds."""
    body = json.dumps(payload(found), allow_nan=False).encode()
    request = urllib.request.Request(url, body, _headers(key, body), method="POST")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        raise _untold(url, error) from error
    except urllib.error.URLError as error:  # around what the connection failed of
        raise _untold(url, error.reason) from error
    except (HTTPException, OSError, ValueError) as error:
        raise _untold(url, error) from error


def _untold(url: str, reason: object) -> DataError:
    return DataError(
        f"The webhook at {urlsplit(url).hostname} was not told: {reason}. The report is complete; "
        "run the command again, or tell it yourself."
    )


def payload(found: Comparison) -> Mapping[str, Any]:
    """What is sent: numbers and names of tests, not a word of the window."""
    data = found.model_dump(mode="json", exclude={"examples", "unknown_words"})
    names = [one.test for one in found.changed]
    return {"type": "latentops.window.changed", "changed": names, "data": data}


def _headers(key: bytes, body: bytes) -> dict[str, str]:
    message_id, timestamp = f"msg_{uuid.uuid4().hex}", int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "latentops",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key, message_id, timestamp, body),
    }
