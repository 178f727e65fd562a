"""The RPC door: HTTP and WebSocket on one port, over trio.

`addresses = await nursery.start(server.run)` opens it; `server.announce(event)` tells subscribers
what happened and never blocks; after `server.stop()` clients are told and `run` returns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Protocol

import trio

from gongshe.rpc.access import Listener, is_loopback
from gongshe.rpc.backend import Backend, ChainEvent
from gongshe.rpc.deferred import Deferred
from gongshe.rpc.dispatcher import ENCODER, Dispatcher
from gongshe.rpc.health import health_of, is_ready
from gongshe.rpc.http import HttpConnection, Refused, Request, send_and_linger
from gongshe.rpc.limits import Limits, Meter, Places
from gongshe.rpc.methods import MethodTable
from gongshe.rpc.subscriptions import Hub, Session, run_now
from gongshe.rpc.tables import ALL_TABLES
from gongshe.rpc.websocket import HandshakeRefused, WebSocket, accept

BACKLOG = 128
"""Connections the system holds for us while the loop is busy."""

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\nconnection: close\r\nretry-after: 5\r\n\r\n%b"
)

log = logging.getLogger(__name__)


class Opening(Protocol):
    """Who waits for the server to listen, as `trio.Nursery.start` does."""

    def started(self, bound: list[tuple[str, int]], /) -> None:
        """Take the addresses that were bound."""
        ...


class Server:
    """Serves the methods of some tables to whoever may call them."""

    def __init__(
        self,
        backend: Backend,
        listeners: Sequence[Listener],
        tables: Iterable[MethodTable] = ALL_TABLES,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.hub = Hub()
        self.dispatcher = Dispatcher(tables, backend, self.hub)
        self._backend = backend
        self._listeners = listeners
        self._limits = limits
        self._places = Places(limits)
        self._meter = Meter(limits.calls_per_minute) if limits.calls_per_minute else None
        self._threads = trio.CapacityLimiter(limits.reads_in_threads)
        self._stopping = trio.Event()
        self._conversing: set[HttpConnection] = set()
        self._nursery: trio.Nursery | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._places.taken

    def announce(self, event: ChainEvent) -> None:
        """Tell every subscriber; call it on the loop's thread, in the order of events."""
        self.hub.announce(event)

    def stop(self) -> None:
        """Take no more connections and end the open ones."""
        self._stopping.set()

    async def run(
        self,
        *,
        task_status: Opening = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until `stop`; reports the addresses bound, with the real ports."""
        async with trio.open_nursery() as connections:
            self._nursery = connections
            async with trio.open_nursery() as listening:
                bound: list[tuple[str, int]] = []
                for listener in self._listeners:
                    serve = partial(self._serve, listener=listener)
                    for opened in await trio.open_tcp_listeners(
                        listener.port, host=listener.host, backlog=BACKLOG
                    ):
                        bound.append(opened.socket.getsockname()[:2])
                        listening.start_soon(
                            partial(trio.serve_listeners, handler_nursery=connections),
                            serve,
                            [opened],
                        )
                task_status.started(bound)
                await self._stopping.wait()
                listening.cancel_scope.cancel()
            for connection in self._conversing:
                if connection.idle:
                    connection.patience.cancel()
            connections.cancel_scope.deadline = trio.current_time() + self._limits.grace_seconds

    async def _serve(self, stream: trio.SocketStream, *, listener: Listener) -> None:
        """Serve one connection; whatever goes wrong in it ends it alone."""
        try:
            address = str(stream.socket.getpeername()[0])
        except OSError:
            return
        refusal = self._places.take(address, exempt=is_loopback(address))
        if refusal is not None:
            log.info("a connection is refused: %s", refusal)
            await send_and_linger(stream, FULL % (len(refusal), refusal.encode()))
            await trio.aclose_forcefully(stream)
            return
        try:
            await self._converse(stream, listener, address)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except Exception:
            log.exception("a connection failed")
        finally:
            self._places.free(address)
            await trio.aclose_forcefully(stream)

    async def _converse(self, stream: trio.SocketStream, listener: Listener, address: str) -> None:
        connection = HttpConnection(stream, listener, self._limits)
        self._conversing.add(connection)
        try:
            with connection.patience:
                while (request := await connection.next_request()) is not None:
                    if request.is_upgrade and request.method == b"GET":
                        await self._upgrade(stream, connection, request, listener, address)
                        return
                    more = await self._respond(connection, request, listener, address)
                    if not more or self._stopping.is_set():
                        return
        except Refused as refused:
            await connection.refuse(refused)
        finally:
            self._conversing.discard(connection)

    async def _respond(
        self, connection: HttpConnection, request: Request, listener: Listener, address: str
    ) -> bool:
        """Answer one request; return whether the connection goes on."""
        respond = partial(connection.respond, origin=request.origin)
        if request.path in HEALTH_PATHS and request.method == b"GET":
            health = health_of(self._backend.node)
            well = request.path == HEALTH or is_ready(health)
            status = HTTPStatus.OK if well else HTTPStatus.INTERNAL_SERVER_ERROR
            return await respond(status, ENCODER.encode(health))
        if request.path not in (b"/", b""):
            raise Refused(HTTPStatus.NOT_FOUND, "POST to /, or open a WebSocket")
        if request.method == b"OPTIONS":
            return await respond(HTTPStatus.NO_CONTENT, b"", preflight=True)
        if request.method != b"POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "POST JSON-RPC, or open a WebSocket")
        kind = request.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")
        body = await connection.read_body(request)
        answer = await self._ask(body, self._session(listener, address))
        if answer is None:
            return await respond(HTTPStatus.NO_CONTENT, b"")
        return await respond(HTTPStatus.OK, answer)

    async def _ask(self, body: bytes, session: Session) -> bytes | None:
        answers: list[bytes | None] = []
        answered = trio.Event()

        def reply(answer: bytes | None) -> None:
            answers.append(answer)
            answered.set()

        self.dispatcher.handle(body, session, reply)
        await answered.wait()
        return answers[0]

    async def _upgrade(
        self,
        stream: trio.SocketStream,
        connection: HttpConnection,
        request: Request,
        listener: Listener,
        address: str,
    ) -> None:
        try:
            protocol, response = accept(list(request.fields), request.target)
        except HandshakeRefused as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
        await stream.send_all(response)
        connection.upgraded()
        leftover = connection.leftover()
        if leftover:
            protocol.receive_data(leftover)
        socket = WebSocket(stream, protocol, self.dispatcher, self._limits)
        await socket.run(self._session(listener, address, socket), self._stopping)

    def _session(
        self, listener: Listener, address: str, socket: WebSocket | None = None
    ) -> Session:
        return Session(
            self._limits,
            outlet=socket,
            unsafe_allowed=listener.offers_unsafe,
            charge=self._charge_for(address),
            offload=self._offload,
        )

    def _charge_for(self, address: str) -> Callable[[int], float]:
        meter = self._meter
        if meter is None or is_loopback(address):
            return lambda cost: 0.0
        return lambda cost: meter.take(address, cost, trio.current_time())

    def _offload(self, work: Callable[[], object], deferred: Deferred[object]) -> None:
        assert self._nursery is not None, "asked before the server runs"
        self._nursery.start_soon(self._work, work, deferred)

    async def _work(self, work: Callable[[], object], deferred: Deferred[object]) -> None:
        """Do slow work in a thread; its outcome is told on the loop's thread."""
        done: Deferred[object] = Deferred()
        await trio.to_thread.run_sync(run_now, work, done, limiter=self._threads)
        try:
            done.then(deferred.follow)
        except Exception:
            log.exception("an answer could not be passed on")


HEALTH = b"/health"
HEALTH_PATHS = (HEALTH, b"/health/readiness")
