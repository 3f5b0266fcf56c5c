"""Servers that speak the beginning of MySQL's protocol, and then whatever a test wants of them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from patience import PATIENT

SSL = 1 << 11
PLUGIN_AUTH = 1 << 19
# CLIENT_LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_RESULTS
CAPABILITIES = 1 | 1 << 3 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 17 | PLUGIN_AUTH

OK = b"\0\0\0\x02\0\0\0"


class Conversation:
    """A connection as its server sees it; `heard` is every byte that came, as far as it was read."""

    def __init__(self, sock, heard):
        self.sock, self.heard = sock, heard
        self.streams = None  # inside of TLS

    async def say(self, payload, number):
        await self.shout(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

    async def shout(self, data):
        """Bytes as they are, packet or not."""
        if self.streams:
            self.streams[1].write(data)
            await self.streams[1].drain()
        else:
            await asyncio.get_running_loop().sock_sendall(self.sock, data)

    def end(self):
        """Nothing more is said."""
        self.sock.shutdown(socket.SHUT_WR)

    async def listen(self):
        """The payload of the next packet."""
        head = await self._read(4)
        return await self._read(int.from_bytes(head[:3], "little"))

    async def _read(self, count):
        data = b""
        while len(data) < count:
            data += await self._some(count - len(data))
        return data

    async def _some(self, count):
        if self.streams:
            data = await self.streams[0].read(count)
        else:
            data = await asyncio.get_running_loop().sock_recv(self.sock, count)
        if not data:
            raise EOFError
        self.heard += data
        return data

    async def listen_on(self, seconds=PATIENT):
        """Hear the client out, until it hangs up or is silent for so long."""
        try:
            while True:
                async with asyncio.timeout(seconds):
                    await self._some(65536)
        except TimeoutError:
            pass

    async def greet(self, *, tls=False, plugin="mysql_native_password", capabilities=CAPABILITIES):
        await self.say(greeting(plugin, capabilities | (SSL if tls else 0)), 0)

    async def upgrade(self, context):
        """Begin TLS, after the client has asked for it."""
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, self.sock, ssl=context)
        self.streams = reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    def close(self):
        if self.streams:
            self.streams[1].transport.abort()
        self.sock.close()


def greeting(plugin, capabilities):
    """https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html"""
    low, high = capabilities & 0xFFFF, capabilities >> 16
    head = b"\x0a8.0.99-rogue\0" + struct.pack("<I", 7) + b"12345678\0"
    return head + struct.pack("<HBHHB10x", low, 45, 2, high, 21) + b"123456789012\0" + plugin.encode() + b"\0"


@asynccontextmanager
async def rogue(talk: Callable[[Conversation], Awaitable[None]]):
    """A server that has `talk` with each client; gives its port, and all that clients have said."""
    heard = bytearray()
    loop = asyncio.get_running_loop()

    async def welcome(sock):
        conversation = Conversation(sock, heard)
        try:
            await talk(conversation)
        except (OSError, EOFError):
            pass
        finally:
            conversation.close()

    async def serve(listener):
        async with asyncio.TaskGroup() as talks:
            while True:
                sock, _ = await loop.sock_accept(listener)
                sock.setblocking(False)
                talks.create_task(welcome(sock))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        serving = asyncio.create_task(serve(listener))
        try:
            yield listener.getsockname()[1], heard
        finally:
            serving.cancel()
            await asyncio.wait((serving,), timeout=5)
            if not serving.cancelled():
                serving.result()


def certificate(folder, name, *, host=None, address=None):
    """A key and a certificate that signs itself, for a name or an address; gives the file of both."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(host)] if host else [x509.IPAddress(ipaddress.ip_address(address))]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


def server_context(file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
