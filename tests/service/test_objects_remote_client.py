"""Requests to an engine for blobs that does not answer: tried again a few times, and then not by everybody. Issue 6."""

import socket
import threading

import pytest

from nexus.kernel.errors import Unavailable
from nexus.kernel.secret import Secret
from nexus.objects.blobs.remote_client import TRIES, Endpoint, RemoteClient


class Deaf:
    """A listener that takes connections, counts them and hangs up."""

    def __init__(self) -> None:
        self.taken = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.taken += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def at(url: str) -> RemoteClient:
    return RemoteClient(
        Endpoint(url=url, bucket="blobs", region="us-east-1", access_key="NX", secret_key=Secret(b"only for tests"))
    )


def test_an_engine_that_is_away_is_asked_a_few_times_and_then_once_by_each_request():
    deaf = Deaf()
    client = at(deaf.url)
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            client.request("HEAD", "a")
        assert deaf.taken == TRIES
        for number in range(1, 6):
            with pytest.raises(Unavailable, match="does not answer"):
                client.request("HEAD", "a")
            assert deaf.taken == TRIES + number
    finally:
        client.close()
        deaf.close()
