"""A WebSocket client that costs next to nothing, so that a load shares the machine fairly.

Frames are masked with zeros, which the protocol allows, so that they can be made beforehand and
sent as they are. No fragments, no extensions: enough for JSON-RPC over loopback.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

import msgspec

READ_BYTES = 262_144
CLOSE = 8
"""The opcode by which a server ends the conversation."""


class WebSocket:
    """A blocking connection; `feed` alone serves those that wait for several at once."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            b"GET / HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            % (host.encode(), port)
        )
        self._received = b""
        while b"\r\n\r\n" not in self._received:
            self._received += self._read()
        head, self._received = self._received.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(f"no WebSocket: {head[:200]!r}")
        self._messages: list[bytes] = []
        self._number = 0

    def ask(self, method: str, *parameters: Any) -> Any:
        """Return the result of one request; news that comes between is dropped."""
        self._number += 1
        self.socket.sendall(frame(request(self._number, method, *parameters)))
        while True:
            answer = msgspec.json.decode(self.receive())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def receive(self) -> bytes:
        """Return the next message."""
        while not self._messages:
            self._messages = self.feed(self._read())
        return self._messages.pop(0)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that these bytes complete."""
        received, position = self._received + data, 0
        messages = []
        while len(received) >= position + 2:
            length, start = received[position + 1] & 127, position + 2
            if length == 126:
                start = position + 4
                if len(received) < start:
                    break
                (length,) = struct.unpack_from(">H", received, position + 2)
            elif length == 127:
                start = position + 10
                if len(received) < start:
                    break
                (length,) = struct.unpack_from(">Q", received, position + 2)
            if len(received) < start + length:
                break
            opcode = received[position] & 15
            if opcode == CLOSE:
                raise ConnectionError(f"closed by the server: {received[start:][:200]!r}")
            if opcode == 1:
                messages.append(received[start : start + length])
            position = start + length
        self._received = received[position:]
        return messages

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _read(self) -> bytes:
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the server hung up")
        return data


def request(number: int, method: str, *parameters: Any) -> bytes:
    """Return a JSON-RPC request."""
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
    )


def frame(text: bytes) -> bytes:
    """Return a client's text frame."""
    length = len(text)
    if length < 126:
        head = bytes((0x81, 0x80 | length))
    elif length < 1 << 16:
        head = b"\x81\xfe" + length.to_bytes(2, "big")
    else:
        head = b"\x81\xff" + length.to_bytes(8, "big")
    return head + bytes(4) + text
