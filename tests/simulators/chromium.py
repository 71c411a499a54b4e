"""Debian's chromium, driven as a person would use it: by keyboard, by what a screen reader is told, and by looking."""

import shutil
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
DESKTOP = {"width": 1200, "height": 800}
WAIT_MS = 20_000


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A headless browser, with further switches; the test is skipped where there is none."""
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed (Debian package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *more]
        )
        try:
            yield browser
        finally:
            browser.close()


def trusting(home: str) -> str:
    """The switch that makes the browser trust the key behind an address: passkeys work on no page with a bad certificate."""
    host, _, port = home.removeprefix("https://").partition(":")
    certificate = load_pem_x509_certificate(ssl.get_server_certificate((host, int(port or 443))).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"--ignore-certificate-errors-spki-list={b64encode(sha256(key).digest()).decode()}"


def profile(browser: Browser, language: str = "en-GB", **more: Any) -> BrowserContext:
    """A fresh profile. It trusts the platform's certificate as an administrator would have made it do."""
    context = browser.new_context(ignore_https_errors=True, locale=language, viewport=DESKTOP, **more)
    context.set_default_timeout(WAIT_MS)
    return context


class Watched:
    """A page that remembers what must never happen: a blocked script or style, a request to another host."""

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.page: Page = context.new_page()
        self.home = home
        self.complaints: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type == "error" and "status of" not in message.text:
            self.complaints.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(self.home):
            self.complaints.append(f"third party: {request.url}")
