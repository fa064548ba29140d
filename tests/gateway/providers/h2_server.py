"""A server that speaks HTTP/2 over TLS, and answers every request with one chat completion."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded

__all__ = ["H2Server", "make_certificate"]

ANSWER: Final[dict[str, Any]] = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def make_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@dataclass
class H2Server:
    """Counts connections and requests. The first request is answered at once, others when `together` of a connection
    have come.
    """

    together: int = 1
    connections: int = 0
    requests: int = 0
    protocols: set[str | None] = field(default_factory=set[str | None])

    @asynccontextmanager
    async def serving(self, certificate: Path) -> AsyncGenerator[str]:
        """Listen on a free port of 127.0.0.1 while the block runs, whose value is the address."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["h2", "http/1.1"])
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=context)
        try:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.protocols.add(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        waiting: list[int] = []
        writer.write(connection.data_to_send())
        while data := await reader.read(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, DataReceived):
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    self.requests += 1
                    waiting.append(event.stream_id)
            if self.requests == 1 or len(waiting) >= self.together:
                for stream in waiting:
                    connection.send_headers(
                        stream, [(":status", "200"), ("content-type", "application/json")]
                    )
                    connection.send_data(stream, json.dumps(ANSWER).encode(), end_stream=True)
                waiting.clear()
            writer.write(connection.data_to_send())
        writer.close()
