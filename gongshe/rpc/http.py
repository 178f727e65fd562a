"""One HTTP connection: requests checked, answered in turn, upgraded to WebSocket on demand.

The only file that imports h11. What h11 lets through and we do not: HTTP/1.0 without `Host`, and
`Content-Length` beside `Transfer-Encoding`, on which two servers may disagree.
"""

from __future__ import annotations

import math
from http import HTTPStatus

import h11
import trio

from gongshe.rpc.access import Listener, allows_host, allows_origin
from gongshe.rpc.limits import Limits

HEADER_BYTES = 16_384
"""A request's line and headers; browsers send about one tenth of it."""

READ_BYTES = 65_536
"""Taken from the socket at once."""

LINGER_SECONDS = 1.0
LINGER_BYTES = 4_194_304
"""How long and how much a refused client may go on sending before its connection is cut: closing
at once would reset the connection and take the refusal from it."""

JSON = b"application/json"

SINGLE_HEADERS = (b"host", b"origin", b"content-length", b"content-type")
"""Headers that decide something here; two of a kind would let two readers differ."""


class Refused(Exception):
    """A request answered by a status and a sentence; the connection is closed after it."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Request:
    """The head of a request, checked."""

    def __init__(self, head: h11.Request) -> None:
        self.method = head.method
        self.path = head.target.partition(b"?")[0]
        self.target = head.target
        self.fields = head.headers
        self.headers = dict(head.headers)
        """By lower-case name, the last of several; those that matter may stand only once."""

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return self.headers.get(b"upgrade", b"").lower() == b"websocket"

    @property
    def origin(self) -> str | None:
        """The site whose page sent this, as the browser says."""
        found = self.headers.get(b"origin")
        return None if found is None else found.decode("latin-1")


class HttpConnection:
    """A connection that speaks HTTP/1.1, over any trio stream."""

    def __init__(self, stream: trio.abc.Stream, listener: Listener, limits: Limits) -> None:
        self._stream = stream
        self._listener = listener
        self._limits = limits
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_BYTES)
        self._first = True
        self._checked: tuple[bytes | None, bytes | None] = (None, None)
        self.patience = trio.CancelScope()
        """Holds the whole conversation; its deadline moves from one phase to the next. One scope
        for all costs a quarter of one for each."""

        self.idle = False
        """Whether the client has asked for nothing that is not answered."""

    async def next_request(self) -> Request | None:
        """Return the next request's head, or None at the end of the connection."""
        limits = self._limits
        self._allow(limits.header_seconds if self._first else limits.idle_seconds)
        self.idle = True
        while True:
            event = self._next_event()
            if event is h11.NEED_DATA:
                await self._receive()
                if self.idle:
                    self.idle = False
                    if not self._first:
                        self._allow(limits.header_seconds)
            elif isinstance(event, h11.Request):
                self._first = self.idle = False
                return self._check(event)
            else:
                return None

    async def read_body(self, request: Request) -> bytes:
        """Return the whole body, within the limits of size and time."""
        limit = self._limits.body_bytes
        declared = request.headers.get(b"content-length", b"0")
        if len(declared) > 18 or int(declared) > limit:
            raise self._too_large()
        if self._protocol.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[])
            await self._stream.send_all(self._send(go_on))
        parts: list[bytes] = []
        size = 0
        self._allow(self._limits.body_seconds)
        while True:
            event = self._next_event()
            if event is h11.NEED_DATA:
                await self._receive()
            elif isinstance(event, h11.Data):
                size += len(event.data)
                if size > limit:
                    raise self._too_large()
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._allow(math.inf)
                return b"".join(parts)
            else:
                raise Refused(HTTPStatus.BAD_REQUEST, "the body ended early")

    async def respond(
        self,
        status: HTTPStatus,
        body: bytes,
        content_type: bytes = JSON,
        *,
        origin: str | None = None,
        preflight: bool = False,
    ) -> bool:
        """Send a response; return whether the connection goes on."""
        headers = [(b"x-content-type-options", b"nosniff")]
        if status != HTTPStatus.NO_CONTENT:
            headers += [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        if origin is not None:
            allowed = b"*" if "*" in self._listener.origins else origin.encode("latin-1")
            headers += [(b"access-control-allow-origin", allowed), (b"vary", b"origin")]
        if preflight:
            headers += [
                (b"access-control-allow-methods", b"POST, GET, OPTIONS"),
                (b"access-control-allow-headers", b"content-type"),
                (b"access-control-max-age", b"3600"),
            ]
        raw = self._send(h11.Response(status_code=status, headers=headers))
        raw += self._send(h11.Data(data=body)) if body else b""
        raw += self._send(h11.EndOfMessage())
        self._allow(self._limits.write_seconds)
        await self._stream.send_all(raw)
        if self._protocol.our_state is not h11.DONE:
            return False
        if self._protocol.their_state is not h11.DONE and not await self._skip_body():
            return False
        self._protocol.start_next_cycle()
        return True

    async def refuse(self, refused: Refused) -> None:
        """Answer with a status and a sentence, then end the connection without a reset."""
        if self._protocol.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = refused.sentence.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        raw = self._send(h11.Response(status_code=refused.status, headers=headers))
        raw += self._send(h11.Data(data=body)) + self._send(h11.EndOfMessage())
        await send_and_linger(self._stream, raw)

    def leftover(self) -> bytes:
        """Return the bytes that came behind the handshake."""
        return bytes(self._protocol.trailing_data[0])

    def upgraded(self) -> None:
        """Lift the deadline: the WebSocket keeps its own."""
        self._allow(math.inf)

    def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._protocol.next_event()
        except h11.RemoteProtocolError as error:
            status = HTTPStatus(error.error_status_hint)
            raise Refused(status, status.phrase) from None

    def _send(self, event: h11.Event) -> bytes:
        return self._protocol.send(event) or b""

    async def _receive(self) -> None:
        self._protocol.receive_data(bytes(await self._stream.receive_some(READ_BYTES)))

    async def _skip_body(self) -> bool:
        """Read the rest of a request that was answered without its body, if it is short."""
        self._allow(LINGER_SECONDS)
        while True:
            event = self._next_event()
            if event is h11.NEED_DATA:
                await self._receive()
            elif isinstance(event, h11.EndOfMessage):
                return True
            elif not isinstance(event, h11.Data):
                return False

    def _allow(self, seconds: float) -> None:
        self.patience.deadline = trio.current_time() + seconds

    def _check(self, head: h11.Request) -> Request:
        request = Request(head)
        # h11 counts only heads that arrive in pieces.
        if sum(len(name) + len(value) + 4 for name, value in head.headers) > HEADER_BYTES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise Refused(status, status.phrase)
        if len(request.headers) < len(head.headers):
            names = [name for name, _ in head.headers]
            for name in SINGLE_HEADERS:
                if names.count(name) > 1:
                    raise Refused(HTTPStatus.BAD_REQUEST, f"{name.decode()} stands twice")
        if b"content-length" in request.headers and b"transfer-encoding" in request.headers:
            raise Refused(HTTPStatus.BAD_REQUEST, "a length and chunks exclude each other")
        host, origin = request.headers.get(b"host"), request.headers.get(b"origin")
        if host is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "the Host header is missing")
        if (host, origin) != self._checked:
            self._check_sender(host.decode("latin-1"), request.origin)
            self._checked = (host, origin)
        return request

    def _check_sender(self, host: str, origin: str | None) -> None:
        if not allows_host(self._listener, host):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                "this Host is not served; use an IP address, or allow the name in the node's"
                " settings",
            )
        if origin is not None and not allows_origin(self._listener, origin):
            raise Refused(
                HTTPStatus.FORBIDDEN, "this Origin is not served; allow it in the node's settings"
            )

    def _too_large(self) -> Refused:
        return Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"expected a body of at most {self._limits.body_bytes} bytes; send several",
        )


async def send_and_linger(stream: trio.abc.Stream, raw: bytes) -> None:
    """Send the last bytes of a connection and let the other side read them."""
    with trio.move_on_after(LINGER_SECONDS):
        await stream.send_all(raw)
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
        skipped = 0
        while skipped < LINGER_BYTES and (data := await stream.receive_some(READ_BYTES)):
            skipped += len(data)
