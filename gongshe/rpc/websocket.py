"""One WebSocket connection: messages in, answers and news out, every queue bounded.

The only file that imports wsproto. No extension is offered, so nothing is ever inflated.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

import trio
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from gongshe.rpc.dispatcher import Dispatcher
from gongshe.rpc.limits import Limits
from gongshe.rpc.subscriptions import Session

READ_BYTES = 65_536
"""Taken from the socket at once: some 180 submissions, about 15 ms of work."""

WRITE_BYTES = 262_144
"""Joined into one write: a few socket buffers."""

STREAM_TURN = 64
"""Messages a stream may send before others have their turn."""

log = logging.getLogger(__name__)


class HandshakeRefused(Exception):
    """A request to upgrade that is not a WebSocket handshake."""


class WebSocket:
    """A connection after its handshake; the outlet of its session."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        protocol: WSConnection,
        dispatcher: Dispatcher,
        limits: Limits,
    ) -> None:
        self._stream = stream
        self._protocol = protocol
        self._dispatcher = dispatcher
        self._limits = limits
        self._scope = trio.CancelScope()
        self._queue: deque[tuple[bool, bytes | Iterator[bytes]]] = deque()
        self._news_waiting = 0
        self._bytes_waiting = 0
        self._in_flight = 0
        self._sending_since = math.inf
        self._reading = False
        self._wakeup = trio.Event()
        self._eased = trio.Event()
        self._parts: list[bytes] = []
        self._part_bytes = 0
        self._message_since = math.inf
        self._last_heard = trio.current_time()
        self._closing = False

    async def run(self, session: Session, stopping: trio.Event) -> None:
        """Serve until the client goes, is dropped, or the node stops."""
        try:
            async with trio.open_nursery() as nursery:
                with self._scope:
                    nursery.start_soon(self._write_news)
                    nursery.start_soon(self._close_when, stopping)
                    await self._read_messages(session)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client went without a word; the nursery wraps what a lost socket raises
        finally:
            session.close()

    def put(self, message: bytes) -> None:
        """Queue one piece of news; a client with too many waiting is dropped."""
        self._put_news(text_frame(message))

    def put_together(self, messages: list[bytes]) -> None:
        """Queue news that counts as one."""
        self._put_news(b"".join(map(text_frame, messages)))

    def put_stream(self, messages: Iterator[bytes]) -> None:
        """Queue news that is made while the client reads it."""
        self._put_news(messages)

    def _put_news(self, entry: bytes | Iterator[bytes]) -> None:
        if self._news_waiting >= self._limits.outbox_messages and self._is_stuck():
            self._drop(f"{self._news_waiting} notifications wait for it")
            return
        self._news_waiting += 1
        self._enqueue(True, entry)

    def _enqueue(self, is_news: bool, entry: bytes | Iterator[bytes]) -> None:
        self._bytes_waiting += len(entry) if isinstance(entry, bytes) else 0
        if self._bytes_waiting > self._limits.outbox_bytes:
            self._drop(f"{self._bytes_waiting} bytes wait for it")
            return
        self._queue.append((is_news, entry))
        if self._sending_since == math.inf and not self._reading:
            self._wakeup.set()

    def _is_stuck(self) -> bool:
        return trio.current_time() - self._sending_since >= self._limits.slow_seconds

    def _drop(self, reason: str) -> None:
        if not self._scope.cancel_called:
            log.info("a WebSocket client is dropped: %s", reason)
            self._queue.clear()
            self._scope.cancel()

    async def _read_messages(self, session: Session) -> None:
        answered: Callable[[bytes | None], None] = self._answer
        while True:
            self._reading = True
            try:
                for event in self._protocol.events():
                    self._take(event, session, answered)
            finally:
                self._reading = False
            if self._queue:
                await self._flush()
            if self._closing:
                return
            await self._ease()
            data = await self._receive()
            if not data:
                return
            self._protocol.receive_data(data)

    async def _receive(self) -> bytes:
        """Return the next bytes; empty at the end, or when none came in time."""
        limits = self._limits
        deadline = min(
            self._last_heard + limits.silence_seconds, self._message_since + limits.body_seconds
        )
        with trio.move_on_at(deadline):
            data = await self._stream.receive_some(READ_BYTES)
            self._last_heard = trio.current_time()
            return bytes(data)
        return b""

    async def _ease(self) -> None:
        """Wait while too many answers are being made or are unread: the client must slow down."""
        limits = self._limits
        while (
            self._in_flight >= limits.requests_in_flight
            or self._bytes_waiting > limits.outbox_bytes // 2
        ):
            self._eased = trio.Event()
            await self._eased.wait()

    def _take(self, event: Event, session: Session, answered: Callable[..., None]) -> None:
        if self._closing:
            return
        if isinstance(event, TextMessage | BytesMessage):
            self._take_part(event, session, answered)
        elif isinstance(event, Ping):
            # Counted as news, or pings to which nobody reads the pongs would pile up.
            self._put_news(self._protocol.send(event.response()))
        elif isinstance(event, CloseConnection):
            self._close(event.response())

    def _take_part(
        self, event: TextMessage | BytesMessage, session: Session, answered: Callable[..., None]
    ) -> None:
        data = event.data
        part = data.encode() if isinstance(data, str) else bytes(data)
        if self._part_bytes + len(part) > self._limits.body_bytes:
            self._close(CloseConnection(CloseReason.MESSAGE_TOO_BIG, "message too big"))
            return
        if not event.message_finished:
            if not self._parts:
                self._message_since = trio.current_time()
            self._part_bytes += len(part)
            self._parts.append(part)
            return
        message = part
        if self._parts:
            message = b"".join([*self._parts, part])
            self._parts.clear()
            self._part_bytes = 0
            self._message_since = math.inf
        self._in_flight += 1
        self._dispatcher.handle(message, session, answered)

    def _answer(self, answer: bytes | None) -> None:
        self._in_flight -= 1
        if not self._eased.is_set():
            self._eased.set()
        if answer is not None:
            self._enqueue(False, text_frame(answer))

    def _close(self, event: CloseConnection) -> None:
        if self._closing:
            return
        self._closing = True
        try:
            self._enqueue(False, self._protocol.send(event))
        except LocalProtocolError:
            return

    async def _write_news(self) -> None:
        """Send what was queued while nobody else was sending; ping when nothing is."""
        while True:
            with trio.move_on_after(self._limits.ping_seconds) as waiting:
                await self._wakeup.wait()
            self._wakeup = trio.Event()
            if waiting.cancelled_caught and not self._closing:
                self._enqueue(False, self._protocol.send(Ping()))
            await self._flush()

    async def _flush(self) -> None:
        """Send everything queued, in few writes; returns at once if that is already under way."""
        if self._sending_since != math.inf:
            return
        try:
            while self._queue:
                self._sending_since = trio.current_time()
                with trio.move_on_after(self._limits.write_seconds) as writing:
                    await self._stream.send_all(self._next_write())
                if writing.cancelled_caught:
                    self._drop(f"it read nothing for {self._limits.write_seconds} s")
                if not self._eased.is_set():
                    self._eased.set()
        finally:
            self._sending_since = math.inf

    def _next_write(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while self._queue and size < WRITE_BYTES:
            is_news, entry = self._queue.popleft()
            if isinstance(entry, bytes):
                chunk, done = entry, True
                self._bytes_waiting -= len(entry)
            else:
                turn = list(islice(entry, STREAM_TURN))
                chunk, done = b"".join(map(text_frame, turn)), len(turn) < STREAM_TURN
            if done:
                self._news_waiting -= is_news
            else:
                self._queue.append((is_news, entry))
            chunks.append(chunk)
            size += len(chunk)
            if not done:
                break
        return b"".join(chunks)

    async def _close_when(self, stopping: trio.Event) -> None:
        await stopping.wait()
        self._close(CloseConnection(CloseReason.GOING_AWAY, "the node is stopping"))


def accept(headers: list[tuple[bytes, bytes]], target: bytes) -> tuple[WSConnection, bytes]:
    """Return the protocol of a connection whose handshake is good, and the answer to send."""
    protocol = WSConnection(ConnectionType.SERVER)
    try:
        protocol.initiate_upgrade_connection(headers, target)
        for _ in protocol.events():
            pass
        return protocol, protocol.send(AcceptConnection())
    except (RemoteProtocolError, LocalProtocolError) as error:
        hint = getattr(error, "event_hint", None)
        if isinstance(hint, RejectConnection):
            raise HandshakeRefused(f"not a WebSocket handshake: {hint.status_code}") from None
        raise HandshakeRefused("not a WebSocket handshake of version 13") from None


def text_frame(payload: bytes) -> bytes:
    """Return an unmasked text frame: what a server sends, serialised once for all readers."""
    length = len(payload)
    if length < 126:
        return b"\x81%c%b" % (length, payload)
    if length < 65_536:
        return b"\x81\x7e%b%b" % (length.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (length.to_bytes(8, "big"), payload)
