"""The door itself, over real sockets: HTTP, WebSocket, and everything that is turned away."""

from __future__ import annotations

import json
import socket as socket_module
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import trio
from trio_websocket import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)

from gongshe.rpc import methods_rpc
from gongshe.rpc.access import Listener
from gongshe.rpc.backend import Backend, BlocksFinalized
from gongshe.rpc.limits import Limits
from gongshe.rpc.server import Server
from tests.unit.rpc.conversation import deferred, request, table

pytestmark = pytest.mark.trio

PATIENCE = 10
"""Seconds after which a test that waits has failed; nothing here takes one."""


class LonelyNode:
    """A node whose health the test sets."""

    should_have_peers = False
    syncing = False

    def peers(self) -> list[object]:
        return []

    def sync_facts(self) -> Any:
        class Facts:
            is_syncing = self.syncing

        return Facts


@asynccontextmanager
async def serving(
    listener: Listener | None = None, limits: Limits | None = None, node: LonelyNode | None = None
) -> AsyncIterator[tuple[Server, int]]:
    """Run a server on a free port of 127.0.0.1."""
    listener = listener or Listener(port=0)
    backend = cast(Backend, type("Only", (), {"node": node or LonelyNode()}))
    server = Server(backend, [listener], [table, methods_rpc.table], limits or Limits())
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            bound = await nursery.start(server.run)
            try:
                yield server, bound[0][1]
            finally:
                nursery.cancel_scope.cancel()


def post(body: bytes, *, extra: str = "", host: str = "127.0.0.1", version: str = "1.1") -> bytes:
    head = (
        f"POST / HTTP/{version}\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{extra}\r\n"
    )
    return head.encode() + body


ECHO = json.dumps(request("test_echo", "hi")).encode()


async def converse(port: int, raw: bytes) -> tuple[int, bytes]:
    """Send bytes and return the status and everything that came back."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(raw)
        return await read_response(stream)


async def read_response(stream: trio.SocketStream) -> tuple[int, bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        more = await stream.receive_some()
        if not more:
            return 0, received
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += await stream.receive_some()
    return int(head.split(b" ")[1]), head + b"\r\n\r\n" + body


async def test_a_post_is_answered_and_the_connection_goes_on() -> None:
    async with serving() as (_, port):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        for _ in range(3):
            await stream.send_all(post(ECHO))
            status, answer = await read_response(stream)
            assert status == 200
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["result"] == "hi"
        await stream.send_all(post(ECHO) * 2)
        status, both = await read_response(stream)
        assert status == 200
        assert both


async def test_slow_and_later_answers_arrive() -> None:
    deferred.clear()
    async with serving() as (_, port):
        status, answer = await converse(port, post(json.dumps(request("test_slow")).encode()))
        assert (status, b'"done"' in answer) == (200, True)
        async with trio.open_nursery() as nursery:

            async def settle() -> None:
                while not deferred:
                    await trio.lowlevel.checkpoint()
                deferred[0].resolve("later")

            nursery.start_soon(settle)
            status, answer = await converse(port, post(json.dumps(request("test_later")).encode()))
        assert b'"later"' in answer


NOTIFICATION = b'{"jsonrpc":"2.0","method":"test_echo","params":["x"]}'


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (post(NOTIFICATION), 204),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        (b"GET /health/readiness HTTP/1.1\r\nHost: [::1]:9944\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
        (b"PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405),
        (b"GET /etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}", 415),
        (post(ECHO).replace(b"application/json", b"text/plain"), 415),
        (post(ECHO).replace(b"application/json", b"Application/JSON; charset=utf-8"), 200),
        (post(ECHO, host="evil.example"), 403),
        (post(ECHO, host="127.0.0.1.evil.example"), 403),
        (post(ECHO, host="localhost:9944@evil.example"), 403),
        (post(ECHO, host="203.0.113.7:9944"), 200),
        (post(ECHO, extra="Origin: http://evil.example\r\n"), 403),
        (post(ECHO, extra="Origin: null\r\n"), 403),
        (post(ECHO, extra="Origin: http://localhost:3000\r\n"), 200),
        (post(ECHO, extra="Transfer-Encoding: chunked\r\n"), 400),
        (post(ECHO, extra="Host: 127.0.0.1\r\n"), 400),
        (post(ECHO, version="1.0").replace(b"Host: 127.0.0.1\r\n", b""), 400),
        (post(ECHO).replace(b"Host: 127.0.0.1\r\n", b""), 400),
        (post(ECHO, version="1.0"), 200),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000000000000000\r\n"
         b"Content-Type: application/json\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\r\n", 400),
    ],
)  # fmt: skip
async def test_each_request_has_its_status(raw: bytes, status: int) -> None:
    async with serving() as (_, port):
        assert (await converse(port, raw))[0] == status


async def test_a_body_may_be_as_long_as_the_limit() -> None:
    async with serving(limits=Limits(body_bytes=len(ECHO))) as (_, port):
        assert (await converse(port, post(ECHO)))[0] == 200
        assert (await converse(port, post(ECHO + b" ")))[0] == 413
        chunked = post(ECHO).replace(
            b"Content-Length: %d" % len(ECHO), b"Transfer-Encoding: chunked"
        )
        head = chunked.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        fitting = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(ECHO), ECHO)
        assert (await converse(port, fitting))[0] == 200
        assert (await converse(port, head + b"%x\r\n%b " % (len(ECHO) + 1, ECHO)))[0] == 413


async def test_readiness_follows_health() -> None:
    node = LonelyNode()
    ask = b"GET /health/readiness HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with serving(node=node) as (_, port):
        assert (await converse(port, ask))[0] == 200
        node.should_have_peers = True
        assert (await converse(port, ask))[0] == 500
        node.should_have_peers, node.syncing = False, True
        status, answer = await converse(port, ask)
        assert status == 500
        assert b'{"peers":0,"isSyncing":true,"shouldHavePeers":false}' in answer


async def test_cors_answers_only_those_who_may() -> None:
    ask = "OPTIONS / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {}\r\n\r\n"
    async with serving(Listener(port=0, origins=("https://wallet.example",))) as (_, port):
        status, answer = await converse(port, ask.format("https://wallet.example").encode())
        assert status == 204
        assert b"access-control-allow-origin: https://wallet.example" in answer
        assert (await converse(port, ask.format("https://other.example").encode()))[0] == 403
    async with serving(Listener(port=0, origins=("*",))) as (_, port):
        status, answer = await converse(port, ask.format("https://other.example").encode())
        assert b"access-control-allow-origin: *" in answer


async def test_named_hosts_are_served_when_listed() -> None:
    async with serving(Listener(port=0, hosts=("node.example",))) as (_, port):
        assert (await converse(port, post(ECHO, host="node.example:9944")))[0] == 200
        assert (await converse(port, post(ECHO, host="other.example")))[0] == 403


async def test_operators_methods_need_loopback_or_a_wish() -> None:
    ask = post(json.dumps(request("test_unsafe")).encode())
    for listener, offered in [
        (Listener(port=0), True),
        (Listener(host="0.0.0.0", port=0), False),
        (Listener(host="0.0.0.0", port=0, unsafe=True), True),
    ]:
        async with serving(listener) as (_, port):
            _, answer = await converse(port, ask)
            assert (b'"result":true' in answer) is offered


async def test_connections_are_counted() -> None:
    async with serving(limits=Limits(connections=2)) as (server, port):
        async with await trio.open_tcp_stream("127.0.0.1", port) as first:
            await first.send_all(post(ECHO))
            assert (await read_response(first))[0] == 200
            async with await trio.open_tcp_stream("127.0.0.1", port) as second:
                await second.send_all(post(ECHO))
                assert (await read_response(second))[0] == 200
                assert server.connections == 2
                assert (await converse(port, b""))[0] == 503
        while server.connections:
            await trio.lowlevel.checkpoint()
        assert (await converse(port, post(ECHO)))[0] == 200


@pytest.mark.parametrize(
    "raw",
    [b"", b"POST / HTTP/1.1\r\nHo", post(ECHO)[:-3]],
    ids=["nothing", "half a head", "half a body"],
)
async def test_who_dawdles_is_cut_off(raw: bytes) -> None:
    limits = Limits(header_seconds=0.05, body_seconds=0.05, idle_seconds=0.05)
    async with serving(limits=limits) as (_, port):
        assert await converse(port, raw) == (0, b"")


async def test_an_idle_connection_is_closed() -> None:
    async with serving(limits=Limits(idle_seconds=0.05)) as (_, port):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(post(ECHO))
        await read_response(stream)
        assert await stream.receive_some() == b""


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


def masked(text: str) -> bytes:
    """Return a short text frame as a client sends it, its mask all zeros."""
    return bytes([0x81, 0x80 + len(text)]) + bytes(4) + text.encode()


@asynccontextmanager
async def connected(port: int, **settings: Any) -> AsyncIterator[WebSocketConnection]:
    async with open_websocket_url(f"ws://127.0.0.1:{port}", **settings) as socket:
        yield socket


async def ask(socket: WebSocketConnection, message: object) -> Any:
    await socket.send_message(json.dumps(message))
    return json.loads(await socket.get_message())


async def read_all(socket: WebSocketConnection) -> None:
    while True:
        await socket.get_message()


async def test_a_websocket_is_answered() -> None:
    async with serving() as (_, port), connected(port) as socket:
        assert (await ask(socket, request("test_echo", "hi")))["result"] == "hi"
        assert (await ask(socket, request("test_slow")))["result"] == "done"
        await socket.send_message(ECHO)
        assert json.loads(await socket.get_message())["result"] == "hi"
        await socket.ping(b"x")


async def test_many_messages_at_once_are_all_answered() -> None:
    async with serving() as (_, port), connected(port) as socket:
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                for number in range(500):
                    await socket.send_message(
                        json.dumps(request("test_echo", "x", identifier=number))
                    )

            nursery.start_soon(send)
            found = [json.loads(await socket.get_message())["id"] for _ in range(500)]
        assert found == list(range(500))


async def test_news_follows_the_answer_over_the_wire() -> None:
    async with serving() as (_, port), connected(port) as socket:
        identifier = (await ask(socket, request("test_subscribe", [1, 2])))["result"]
        news = [json.loads(await socket.get_message()) for _ in range(2)]
        assert [one["params"] for one in news] == [
            {"subscription": identifier, "result": 1},
            {"subscription": identifier, "result": 2},
        ]


async def test_a_stream_longer_than_the_queue_arrives_whole() -> None:
    async with serving(limits=Limits(outbox_messages=2)) as (_, port), connected(port) as socket:
        await ask(socket, request("test_stream", 1_000))
        news = [json.loads(await socket.get_message())["params"]["result"] for _ in range(1_000)]
        assert news == list(range(1_000))


async def test_a_reader_that_stopped_is_dropped() -> None:
    limits = Limits(outbox_messages=8, slow_seconds=0)
    async with serving(limits=limits) as (server, port), connected(port) as reading:
        await ask(reading, request("test_events", 10))
        async with await trio.open_tcp_stream("127.0.0.1", port) as stuck:
            await stuck.send_all(HANDSHAKE + masked(json.dumps(request("test_events", 100_000))))
            while server.hub.listeners != 2:
                await trio.lowlevel.checkpoint()
            events = 0
            while server.connections == 2:
                server.announce(BlocksFinalized((bytes(32),)))
                events += 1
                assert json.loads(await reading.get_message())["params"]["result"] == "x" * 10
        assert 8 < events < 500, "it was dropped once its socket and its queue were full"
        assert server.hub.listeners == 1


async def test_a_burst_of_news_does_not_drop_a_client_that_reads() -> None:
    limits = Limits(outbox_messages=8)
    async with serving(limits=limits) as (_, port), connected(port) as socket:
        await ask(socket, request("test_subscribe", list(range(1_000))))
        news = [json.loads(await socket.get_message())["params"]["result"] for _ in range(1_000)]
        assert news == list(range(1_000))


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Origin", "http://localhost.evil.example")],
    ],
)
async def test_pages_of_others_get_no_websocket(headers: list[tuple[str, str]]) -> None:
    async with serving() as (_, port):
        with pytest.raises(HandshakeError):
            async with connected(port, extra_headers=headers):
                raise AssertionError("connected")
    async with (
        serving(Listener(port=0, origins=("*",))) as (_, port),
        connected(port, extra_headers=headers) as socket,
    ):
        assert (await ask(socket, request("test_echo", "a")))["result"] == "a"


async def test_compression_is_not_negotiated() -> None:
    async with serving() as (_, port):
        _, answer = await converse(port, HANDSHAKE)
        assert b" 101 " in answer
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
        assert b"extensions" not in answer.lower()


async def test_a_message_may_be_as_long_as_the_limit() -> None:
    message = json.dumps(request("test_echo", "x" * 900))
    limits = Limits(body_bytes=len(message))
    async with serving(limits=limits) as (_, port), connected(port) as socket:
        await socket.send_message(message)
        assert "result" in json.loads(await socket.get_message())
        await socket.send_message(message + " ")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1009


async def test_stopping_says_goodbye() -> None:
    async with serving() as (server, port), connected(port) as socket:
        await ask(socket, request("test_echo", "a"))
        idle = await trio.open_tcp_stream("127.0.0.1", port)
        await idle.send_all(post(ECHO))
        await read_response(idle)
        server.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1001
        assert await idle.receive_some() == b""
        while server.connections:
            await trio.lowlevel.checkpoint()


async def test_silence_ends_a_websocket() -> None:
    limits = Limits(silence_seconds=0.05)
    async with serving(limits=limits) as (_, port), connected(port) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.get_message()


async def test_a_client_that_vanishes_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    async with serving() as (server, port):
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(upgrade)
        assert await stream.receive_some()
        # With no time to linger, closing resets the connection, as a killed program does.
        stream.setsockopt(
            socket_module.SOL_SOCKET, socket_module.SO_LINGER, struct.pack("ii", 1, 0)
        )
        await stream.aclose()
        while server.connections:
            await trio.lowlevel.checkpoint()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
