"""Servers that lie, listen in, or send garbage: they learn nothing, and nobody hangs or crashes."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import time

import aiomysql
import asyncmy
import psutil
import pytest

from heaven_contrib.sql import Database
from heaven_contrib.sql.drivers.choosing import driver_for
from heaven_contrib.sql.errors import ConnectionFailed, ConnectionLost
from heaven_contrib.sql.urls import parse
from heaven_testing import MySQLServer
from patience import PATIENT
from rogue_mysql import CAPABILITIES, OK, PLUGIN_AUTH, certificate, closed_port, rogue, server_context

USER, PASSWORD = "canary-user", "canary-password"
SWITCH = b"\xfe"
LOAD_LOCAL = b"\xfb"
MORE = b"\x01"


@pytest.fixture(params=["aiomysql", "asyncmy"])
def library(request):
    """Each of the two drivers."""
    return request.param


def url_of(library, port, *, host="127.0.0.1", **options):
    query = "&".join(f"{name}={value}" for name, value in {"driver": library, **options}.items())
    return f"mysql://{USER}:{PASSWORD}@{host}:{port}/shop?{query}"


def connecting(library, port, **options):
    return driver_for(parse(url_of(library, port, **options)), None).connect()


async def plainly(library, port, **options):
    """As the driver connects by itself, for controls."""
    module = {"aiomysql": aiomysql, "asyncmy": asyncmy}[library]
    return await module.connect(host="127.0.0.1", port=port, user=USER, password=PASSWORD, **options)


async def fails(attempt, reason):
    async with asyncio.timeout(PATIENT):
        with pytest.raises(ConnectionFailed) as caught:
            await attempt
    told = "".join(caught.value.__notes__)
    assert reason in told
    assert "canary" not in f"{told} {caught.value}"


def canaries(heard):
    """What of user and password is in there."""
    return [each for each in (USER, PASSWORD) if each.encode() in heard]


@pytest.fixture
def no_sockets_left():
    """Whatever goes wrong, no socket of this process stays open."""
    process = psutil.Process()
    before = len(process.net_connections())
    yield
    gc.collect()
    deadline = time.monotonic() + PATIENT
    while len(process.net_connections()) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(process.net_connections()) <= before


# TLS


async def test_a_server_without_tls_learns_nothing_where_tls_is_asked_for(library):
    """User and password are for a server that has proven who it is (CVE-2025-62611)."""

    async def talk(client):
        await client.greet(tls=False)
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        await fails(connecting(library, port, ssl="verify"), "TLS is asked for, and the server offers none")
    assert heard == b""


async def test_control_aiomysql_by_itself_tells_a_server_without_tls(tmp_path):
    """Control of the test above: given a context for TLS, the driver logs in without TLS all the same."""
    context = server_context(certificate(tmp_path, "any", host="localhost"))

    async def talk(client):
        await client.greet(tls=False)
        await client.listen()

    async with rogue(talk) as (port, heard):
        with pytest.raises(Exception, match="Lost connection"):
            await plainly("aiomysql", port, ssl=context)
    assert canaries(heard) == [USER]


@pytest.mark.parametrize("wrong", ["unknown", "host", "address", "garbage"])
async def test_a_server_with_a_wrong_certificate_learns_nothing(library, tmp_path, wrong):
    """Signed by somebody unknown, for another name or address, or no TLS at all after it was promised."""
    address = "127.0.0.9" if wrong == "address" else "127.0.0.1"
    mine = certificate(tmp_path, "mine", **({"host": "elsewhere.test"} if wrong == "host" else {"address": address}))
    trusted = certificate(tmp_path, "trusted", address="127.0.0.1") if wrong == "unknown" else mine

    async def talk(client):
        await client.greet(tls=True)
        await client.listen()
        if wrong == "garbage":
            await client.shout(b"\x16" * 1000)
        else:
            await client.upgrade(server_context(mine))
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        reason = "" if wrong == "garbage" else "certificate"
        await fails(connecting(library, port, ssl="verify", ssl_ca=trusted), reason)
    assert canaries(heard) == []
    assert len(heard) >= 32, "control: it was asked for TLS"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_with_the_right_certificate_user_and_password_are_sent_inside_of_tls(library, tmp_path, host):
    """For an address as for a name; a password in clear, which some ways to log in need, is no secret to the server."""
    mine = certificate(tmp_path, "mine", **({"address": host} if host == "127.0.0.1" else {"host": host}))
    passwords = []

    async def talk(client):
        await client.greet(tls=True)
        await client.listen()
        assert canaries(client.heard) == []
        await client.upgrade(server_context(mine))
        await client.listen()
        await client.say(SWITCH + b"mysql_clear_password\0", 3)
        passwords.append(await client.listen())
        await client.say(OK, 5)
        await client.listen()
        await client.say(OK, 1)
        await client.listen_on()

    async with rogue(talk) as (port, _):
        connection = await connecting(library, port, host=host, ssl="verify", ssl_ca=mine)
        await connection.close()
    assert passwords == [PASSWORD.encode() + b"\0"]


async def test_tls_with_a_real_server(library, tmp_path):
    """The whole session is encrypted."""
    mine = certificate(tmp_path, "mine", address="127.0.0.1")
    with MySQLServer(options=[f"--ssl-cert={mine}", f"--ssl-key={mine}"]) as server:
        url = f"{server.url}?driver={library}&ssl=verify&ssl_ca={mine}"
        connection = await driver_for(parse(url), None).connect()
        result = await connection.query("SHOW SESSION STATUS LIKE 'Ssl_version'")
        assert result.rows[0][1].startswith("TLSv1.")
        batches = [len(each.rows) async for each in connection.stream("SELECT seq FROM seq_1_to_2000")]
        assert sum(batches) == 2000
        await connection.close()


# Without TLS


@pytest.mark.parametrize("plugin", ["mysql_clear_password", "mysql_old_password", "dialog"])
@pytest.mark.parametrize("when", ["at once", "later"])
async def test_no_password_in_clear_without_tls(library, plugin, when):
    """Whichever way a server asks for it."""

    async def talk(client):
        await client.greet(plugin=plugin if when == "at once" else "mysql_native_password")
        if when == "later":
            await client.listen()
            await client.say(SWITCH + plugin.encode() + b"\0" + b"\x05Password: ", 2)
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        await fails(connecting(library, port), f"password in clear ({plugin})")
    assert PASSWORD not in canaries(heard)


@pytest.mark.parametrize("plugin", ["mysql_clear_password", "dialog"])
async def test_control_the_drivers_by_themselves_send_a_password_in_clear(library, plugin):
    """Control of the test above."""
    if (library, plugin) == ("aiomysql", "dialog"):
        plugin = "mysql_clear_password"  # it knows no other

    async def talk(client):
        await client.greet()
        await client.listen()
        await client.say(SWITCH + plugin.encode() + b"\0" + b"\x05Password: ", 2)
        await client.listen()

    async with rogue(talk) as (port, heard):
        with pytest.raises(Exception, match="Lost connection"):
            await plainly(library, port)
    assert canaries(heard) == [USER, PASSWORD]


async def test_a_server_from_before_plugins_learns_no_password(library):
    """Its way to log in gives the password away to who listens."""

    async def talk(client):
        await client.greet(capabilities=CAPABILITIES & ~PLUGIN_AUTH)
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        await fails(connecting(library, port), "before MySQL 5.5")
    assert heard == b""


async def test_a_switch_to_nothing_gives_no_password_away(library):
    """What the protocol of old calls a switch is refused too."""

    async def talk(client):
        await client.greet()
        await client.listen()
        await client.say(SWITCH, 2)
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        await fails(connecting(library, port), "")
    assert PASSWORD not in canaries(heard)


# LOAD DATA LOCAL


def secret_file(folder):
    file = folder / "secret.txt"
    file.write_text("canary of a file")
    return file


@pytest.mark.parametrize("when", ["connecting", "later"])
async def test_no_file_is_ever_sent(library, tmp_path, when):
    """A server that asks for a file of the client's in answer to any statement gets none, and no connection."""
    file = secret_file(tmp_path)

    async def talk(client):
        await client.greet()
        await client.listen()
        await client.say(OK, 2)
        if when == "later":
            await client.listen()
            await client.say(OK, 1)
        await client.listen()
        await client.say(LOAD_LOCAL + str(file).encode(), 1)
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        if when == "connecting":
            await fails(connecting(library, port), "LOAD_LOCAL")
        else:
            connection = await connecting(library, port)
            with pytest.raises(ConnectionLost):
                await connection.query("SELECT 1")
            assert not connection.usable
    assert b"canary of a file" not in heard


async def test_control_a_driver_that_allows_it_sends_a_file(tmp_path):
    """Control of the test above: the server asks in the right way. (asyncmy fails at sending a file at all.)"""
    file = secret_file(tmp_path)

    async def talk(client):
        await client.greet()
        await client.listen()
        await client.say(OK, 2)
        await client.listen()
        await client.say(LOAD_LOCAL + str(file).encode(), 1)
        await client.listen()
        await client.listen()
        await client.say(OK, 4)
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        connection = await plainly("aiomysql", port, local_infile=True, autocommit=None)
        await connection.query("SELECT 1")
        connection.close()
    assert b"canary of a file" in heard


# Garbage


def error_packet(code, text):
    return b"\xff" + code.to_bytes(2, "little") + b"#HY000" + text


GARBAGE = {
    "nothing": b"",
    "text": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "zeroes": b"\0" * 4096,
    "a short packet": b"\x50\0\0\0\x0a5.5",
    "an empty packet": b"\0\0\0\0",
    "the wrong number": b"\x01\0\0\x07\x0a",
    "a huge packet": b"\xff\xff\xff\0" + b"\x0a" * 100_000,
    "another protocol version": b"\x10\0\0\0\x09" + b"5.5\0" + b"\0" * 11,
    "too many connections": b"\x1d\0\0\0" + error_packet(1040, b"Too many connections"),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_instead_of_a_greeting(library, name, no_sockets_left):
    """Whatever comes, connecting fails, and the socket is closed."""

    async def talk(client):
        await client.shout(GARBAGE[name])
        if name in ("a short packet", "a huge packet"):
            client.end()
        if name != "nothing":
            await client.listen_on(0.2)

    async with rogue(talk) as (port, heard):
        await fails(connecting(library, port), "Too many" if name.startswith("too") else "")
    assert PASSWORD not in canaries(heard)


@pytest.mark.parametrize("stage", ["login", "init"])
@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_instead_of_an_answer(library, name, stage, no_sockets_left):
    """Later in the handshake no less."""

    async def talk(client):
        await client.greet()
        await client.listen()
        if stage == "init":
            await client.say(OK, 2)
            await client.listen()
        await client.shout(GARBAGE[name])
        if name in ("a short packet", "a huge packet", "zeroes", "an empty packet"):
            client.end()
        if name != "nothing":
            await client.listen_on(0.2)

    async with rogue(talk) as (port, _):
        await fails(connecting(library, port), "")


COLUMN = b"\x03def" + b"\0" * 4 + b"\x01a\x01a"  # catalog, schema, two tables, two names


@pytest.mark.parametrize(
    "packets",
    [
        [b"\x01", b"\x03"],
        [b"\xfc"],
        [b"\x01", COLUMN + b"\x0c\x3f\0\x0b\0\0\0\x03\0\0\0\0\0", b"\xfe\0\0\x02\0", b"\x09ab"],
        [b"\x02", COLUMN + b"\x0c\x3f\0\x0b\0\0\0\x03\0\0\0\0\0", b"\xfe\0\0\x02\0"],
        [b"\x01", COLUMN + b"\x0c\x3f\0\x0b\0\0\0\x03\0\0\0\0\0", b"\xfe\0\0\x02\0", b"\x02ab"],
        [error_packet(2013, b"as if it were lost")],
        [error_packet(1053, b"Server shutdown in progress")],
        [b""],
    ],
    ids=["column", "count", "row", "columns", "number", "client's error", "shutdown", "empty"],
)
async def test_garbage_instead_of_rows(library, packets, no_sockets_left):
    """An answer that makes no sense is a lost connection, which nobody uses again."""

    async def talk(client):
        await client.greet()
        await client.listen()
        await client.say(OK, 2)
        await client.listen()
        await client.say(OK, 1)
        await client.listen()
        for number, payload in enumerate(packets, 1):
            await client.say(payload, number)
        client.end()
        await client.listen_on(0.2)

    async with rogue(talk) as (port, _):
        connection = await connecting(library, port)
        async with asyncio.timeout(PATIENT):
            with pytest.raises(ConnectionLost) as caught:
                await connection.query("SELECT 1")
        assert caught.value.detail == "The connection to the database broke."
        assert not connection.usable
        await connection.close()


async def test_an_answer_nobody_asked_for_makes_a_connection_useless(library):
    """The next statement would get it for its own."""
    gate = asyncio.Event()

    async def talk(client):
        await client.greet()
        await client.listen()
        await client.say(OK, 2)
        await client.listen()
        await client.say(OK, 1)
        await gate.wait()
        await client.say(OK, 1)
        await client.listen_on()

    async with rogue(talk) as (port, _):
        connection = await connecting(library, port)
        assert connection.usable
        gate.set()
        async with asyncio.timeout(PATIENT):
            while connection.usable:
                await asyncio.sleep(0.01)
        connection.abandon()


# Silence


async def silent(client):
    await client.listen_on()


async def silent_after_greeting(client):
    await client.greet()
    await client.listen_on()


async def silent_after_login(client):
    await client.greet()
    await client.listen()
    await client.say(OK, 2)
    await client.listen_on()


async def silent_in_tls(client):
    await client.greet(tls=True)
    await client.listen_on()


async def silent_in_session(client):
    await client.greet()
    await client.listen()
    await client.say(OK, 2)
    await client.listen()
    await client.say(OK, 1)
    await client.listen_on()


@pytest.mark.parametrize("talk", [silent, silent_after_greeting, silent_after_login, silent_in_session])
async def test_an_application_does_not_wait_for_a_silent_server(library, talk, no_sockets_left):
    """Its start is over at its deadline, wherever the server falls silent."""
    async with rogue(talk) as (port, _):
        database = Database(url_of(library, port, acquire_timeout=0.3, start_timeout=0, drain_timeout=0))
        async with asyncio.timeout(PATIENT):
            with pytest.raises(ConnectionFailed, match=r"did not answer within 0\.3 s"):
                await database.connect()


@pytest.mark.parametrize("talk", [silent, silent_after_greeting, silent_after_login, silent_in_tls])
async def test_connecting_can_be_cancelled_wherever_it_is(library, talk, no_sockets_left):
    """No socket stays open, and nothing is said about it."""
    tls = {"ssl": "verify"} if talk is silent_in_tls else {}
    async with rogue(talk) as (port, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connecting(library, port, **tls)


async def test_closing_waits_for_no_one(library, no_sockets_left):
    """A server that reads nothing any more does not keep us: what could not be sent is dropped."""

    async def talk(client):
        await client.greet()
        await client.listen()
        await client.say(OK, 2)
        await client.listen()
        await client.say(OK, 1)
        await asyncio.Event().wait()

    async with rogue(talk) as (port, _):
        connection = await connecting(library, port)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connection.query(f"SELECT '{'x' * (15 << 20)}'")
        assert not connection.usable
        async with asyncio.timeout(PATIENT):
            await connection.close()

        idle = await connecting(library, port)
        writer = idle.raw._writer.transport if library == "aiomysql" else idle.raw._transport
        writer.write(b"x" * (15 << 20))
        began = time.monotonic()
        async with asyncio.timeout(PATIENT):
            await idle.close()
        assert 0.5 < time.monotonic() - began


async def test_nobody_there(library, no_sockets_left):
    """A port that is closed."""
    await fails(connecting(library, closed_port()), "127.0.0.1")


async def test_a_servers_public_key_is_taken_without_tls(library):
    """caching_sha2_password: the password is encrypted with the key of the server that was connected to."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    encrypted = []

    async def talk(client):
        await client.greet(plugin="caching_sha2_password")
        await client.listen()
        await client.say(MORE + b"\x04", 2)
        await client.listen()
        await client.say(MORE + pem, 4)
        encrypted.append(await client.listen())
        await client.say(OK, 6)
        await client.listen()
        await client.say(OK, 1)
        await client.listen_on()

    async with rogue(talk) as (port, heard):
        connection = await connecting(library, port)
        await connection.close()
    assert PASSWORD not in canaries(heard)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    salt = b"12345678123456789012"
    clear = bytes(a ^ salt[i % 20] for i, a in enumerate(key.decrypt(encrypted[0], oaep)))
    assert hashlib.sha256(clear).digest() == hashlib.sha256(PASSWORD.encode() + b"\0").digest()
