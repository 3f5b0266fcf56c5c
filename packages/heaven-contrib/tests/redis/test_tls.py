"""TLS: the certificate is checked, the host's name included, before anything is said."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chaos_redis import connected
from heaven.errors import RegistrationError
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisUnavailable
from heaven_testing import RedisServer, ServerMissing
from redis_patience import PATIENTLY
from rogue_mysql import certificate

Listen = Callable[..., int]


def unused_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Start a Redis of the system, which knows TLS, with a certificate; gives its port for TLS."""
    with ExitStack() as running:

        def start(file: Path, *options: str) -> int:
            port = unused_port()
            tls = ("--tls-port", str(port), "--tls-cert-file", str(file), "--tls-key-file", str(file))
            trust = ("--tls-ca-cert-file", str(file), "--tls-auth-clients", "no")
            try:
                server = RedisServer(program="redis-server", options=(*tls, *trust, *options))
                running.enter_context(server)
            except ServerMissing as missing:
                pytest.skip(str(missing))
            if "--cluster-enabled" in options:
                server.execute("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
                deadline = time.monotonic() + 30
                while (
                    "cluster_state:ok" not in (server.execute("CLUSTER", "INFO") or "") and time.monotonic() < deadline
                ):
                    time.sleep(0.02)
            return port

        yield start


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
async def test_a_certificate_that_is_trusted_and_names_the_host_will_do(listen: Listen, tmp_path: Path, scheme: str):
    """Calls and subscribers go through TLS."""
    file = certificate(tmp_path, "server", address="127.0.0.1")
    options = ("--cluster-enabled", "yes", "--cluster-port", str(unused_port()), "--tls-cluster", "yes")
    port = listen(file, *(options if scheme.endswith("cluster") else ()))
    async with connected(f"{scheme}://127.0.0.1:{port}", ssl_ca=file, start_timeout=20) as redis:
        await redis.write(lambda client: client.set("key", "value"))
        async with redis.subscriber() as subscriber:
            await subscriber.add("room")
            await redis.write(lambda client: client.publish("room", "hello"))

            assert (b"value", b"hello") == (await redis.client.get("key"), (await anext(subscriber)).data)


async def test_a_certificate_that_nobody_trusts_is_refused(listen: Listen, tmp_path: Path):
    """Without its authority, the start fails."""
    port = listen(certificate(tmp_path, "server", address="127.0.0.1"))

    with pytest.raises(RedisUnavailable) as failed:
        await Redis(f"rediss://127.0.0.1:{port}{PATIENTLY}&start_timeout=0.2").connect()

    assert "CERTIFICATE_VERIFY_FAILED" in str(failed.value.__cause__)


async def test_a_certificate_for_another_host_is_refused(listen: Listen, tmp_path: Path):
    """A certificate that is trusted, but for somebody else, fails the start too."""
    file = certificate(tmp_path, "server", host="cache.test")
    port = listen(file)

    with pytest.raises(RedisUnavailable) as failed:
        await Redis(f"rediss://127.0.0.1:{port}{PATIENTLY}&start_timeout=0.2&ssl_ca={file}").connect()

    assert "IP address mismatch" in str(failed.value.__cause__)


async def test_a_server_without_tls_gets_no_word(redis_server: RedisServer):
    """Where TLS was asked for, a server that has none is not talked to."""
    with pytest.raises(RedisUnavailable):
        await Redis(f"rediss://:secret@127.0.0.1:{redis_server.port}?start_timeout=0.2&deadline=0.5").connect()


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_that_names_no_authority_is_refused_at_once(tmp_path: Path, text: str | None):
    """One that is not there, or has none in it, is named, and not taken for a server that can't be reached."""
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(RegistrationError, match=f"ssl_ca={file} is no file with certificates: "):
        Redis(f"rediss://cache.test?ssl_ca={file}")
