"""JSON-RPC 2.0 without a socket: bytes in, bytes out.

Strict where leniency would let two readers of one message disagree: members named twice, unknown
members, invalid UTF-8, numbers without end and deep nesting are refused. Whatever the input, the
reply is a valid response, and nothing of this program's inside is in it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from gongshe.rpc.backend import Backend
from gongshe.rpc.deferred import Deferred
from gongshe.rpc.errors import (
    BATCH_TOO_BIG,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RATE_LIMITED,
    REQUEST_TOO_BIG,
    RESPONSE_TOO_BIG,
    RpcError,
    as_rpc_error,
    reasons,
)
from gongshe.rpc.limits import SLOW_COST, Limits
from gongshe.rpc.methods import Context, Method, MethodTable, Shared
from gongshe.rpc.offchain import OffchainStorage
from gongshe.rpc.subscriptions import Hub, Session

Reply = Callable[[bytes | None], None]
"""Takes the whole reply to one message, once; None when nothing is to be said."""

Identifier = str | int | float | None | UnsetType
"""A request's `id`; UNSET marks a notification."""

log = logging.getLogger(__name__)


class Envelope(Struct, forbid_unknown_fields=True):
    """One request."""

    jsonrpc: Literal["2.0"]
    method: str
    params: Raw = Raw(b"")
    id: Identifier = UNSET


class Identified(Struct):
    """What is left of a malformed request: perhaps its id."""

    id: str | int | float | None = None


ENVELOPE = msgspec.json.Decoder(Envelope)
IDENTIFIED = msgspec.json.Decoder(Identified)
ENCODER = msgspec.json.Encoder()

STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
TOKEN = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")(\s*:)?|[\[\]{}]')
"""Possessive, so that a long string takes no memory for ways back."""

NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
ALIKE = bytes.maketrans(b"{}", b"[]")

SPACE = b" \t\r\n"
"""What JSON calls white space."""


class Dispatcher:
    """Finds, reads, calls and answers."""

    def __init__(self, tables: Iterable[MethodTable], backend: Backend, hub: Hub) -> None:
        self.methods: dict[str, Method] = {}
        self.shared = Shared(backend, hub, self.methods, OffchainStorage(), {})
        for table in tables:
            for method in table.methods:
                self._enter(method)

    def handle(self, raw: bytes, session: Session, reply: Reply) -> None:
        """Answer one message: `reply` is called once, now or when a deferred answer is there.

        The news of subscriptions opened by this message starts after `reply` returned.
        """
        try:
            check_text(raw, session.limits)
            if raw.lstrip(SPACE)[:1] == b"[":
                self._handle_batch(raw, session, reply)
            else:
                self._handle_single(raw, session, reply)
        except RpcError as error:
            reply(failure(None, error))

    def handle_now(self, raw: bytes, session: Session) -> bytes | None:
        """Answer one message whose answer is not deferred."""
        replies: list[bytes | None] = []
        self.handle(raw, session, replies.append)
        (one,) = replies
        return one

    def _enter(self, method: Method) -> None:
        for name in (method.name, *method.aliases):
            if name in self.methods:
                raise ValueError(f"two methods are called {name}")
            self.methods[name] = method

    def _handle_single(self, raw: bytes, session: Session, reply: Reply) -> None:
        context = Context(self.shared, session)

        def settle(answer: bytes | None) -> None:
            reply(answer)
            context.answered()

        self._perform(raw, context, settle)

    def _handle_batch(self, raw: bytes, session: Session, reply: Reply) -> None:
        items = split_batch(raw, session.limits.batch_length)
        context = Context(self.shared, session)
        batch = Batch(len(items), session.limits.response_bytes, context, reply)
        for item in items:
            self._perform(item, context, batch.add)

    def _perform(self, raw: bytes, context: Context, settle: Reply) -> None:
        """Carry out one request of a message and settle its answer, now or later."""
        try:
            request = read_envelope(raw, context.limits)
        except RpcError as error:
            settle(failure(_perhaps_id(raw, context.limits), error))
            return
        try:
            outcome = self._call(request, context)
        except Exception as error:
            settle(_failed(request, error))
            return
        if isinstance(outcome, Deferred):
            outcome.then(partial(_settle_deferred, request, context.limits, settle))
        else:
            settle(_answer(request, context.limits, lambda: outcome))

    def _call(self, request: Envelope, context: Context) -> Any:
        method = self.methods.get(request.method)
        session = context.session
        wait = session.charge(SLOW_COST if method is not None and method.slow else 1)
        if wait:
            raise RpcError(
                RATE_LIMITED,
                "Too many calls",
                reasons("RateLimited", hint=f"wait {wait:.0f} s, or send batches less often"),
            )
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        if method.unsafe and not session.unsafe_allowed:
            raise RpcError(
                METHOD_NOT_FOUND,
                "This method is for operators and is not offered here",
                reasons("Unsafe", hint="call it on the node's own loopback address"),
            )
        arguments = method.read(bytes(request.params))
        if method.slow:
            return session.offload(partial(method.function, context, *arguments))
        return method.function(context, *arguments)


class Batch:
    """The answers to one batch, sent together when the last is there."""

    def __init__(self, length: int, limit: int, context: Context, reply: Reply) -> None:
        self._missing = length
        self._room = limit
        self._context = context
        self._reply = reply
        self._answers: list[bytes] = []

    def add(self, answer: bytes | None) -> None:
        """Take one answer; the order of a batch's answers is free."""
        self._missing -= 1
        if answer is not None:
            self._room -= len(answer) + 1
            if self._room < 0:
                found = _perhaps_id(answer, self._context.limits)
                answer = failure(found, _too_big(self._context.limits))
            self._answers.append(answer)
        if not self._missing:
            self._reply(b"[" + b",".join(self._answers) + b"]" if self._answers else None)
            self._context.answered()


def check_text(raw: bytes, limits: Limits) -> None:
    """Refuse what is too long, not UTF-8, or nested too deep, before any of it is parsed."""
    if len(raw) > limits.body_bytes:
        raise RpcError(
            REQUEST_TOO_BIG,
            "Request is too big",
            reasons(
                "RequestTooBig",
                expected=f"at most {limits.body_bytes} bytes",
                found=f"{len(raw)} bytes",
                hint="send several smaller batches",
            ),
        )
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            raise RpcError(PARSE_ERROR, "Parse error: not UTF-8") from None
    if raw.count(b",") > limits.elements:
        raise RpcError(
            INVALID_REQUEST, f"Invalid request: more than {limits.elements} elements in one message"
        )
    if raw.count(b"[") + raw.count(b"{") > limits.depth and is_deep(raw, limits.depth):
        raise RpcError(INVALID_REQUEST, f"Invalid request: nested deeper than {limits.depth}")


def is_deep(raw: bytes, depth: int) -> bool:
    """Tell whether brackets outside strings nest deeper than `depth`.

    Each round removes the innermost level at C speed, so the time is linear in the text however it
    is built. Unbalanced brackets may count as deep: such a text is refused either way.
    """
    # Without escapes every other piece between quotes is a string, and splitting is far faster.
    outside = STRING.sub(b"", raw) if b"\\" in raw else b"".join(raw.split(b'"')[::2])
    brackets = outside.translate(ALIKE, NOT_BRACKETS)
    for _ in range(depth):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def split_batch(raw: bytes, length: int) -> list[bytes]:
    """Return the requests of a batch, each as text."""
    decoder = _batch_decoder(length)
    try:
        items = msgspec.structs.astuple(decoder.decode(raw))
    except msgspec.ValidationError:
        raise RpcError(
            BATCH_TOO_BIG,
            "Batch is too long",
            reasons(
                "BatchTooLong",
                expected=f"at most {length} requests",
                hint="split it; several batches may be under way at once",
            ),
        ) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"Parse error: {error}") from None
    requests = [bytes(item) for item in items if item]
    if not requests:
        raise RpcError(INVALID_REQUEST, "Invalid request: an empty batch")
    return requests


def read_envelope(raw: bytes, limits: Limits) -> Envelope:
    """Return the request that `raw` is."""
    try:
        request = ENVELOPE.decode(raw)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_REQUEST, f"Invalid request: {error}") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, f"Parse error: {error}") from None
    if not _is_fit(request.id, limits):
        raise RpcError(INVALID_REQUEST, "Invalid request: the id is too long")
    if _names_twice(raw, request):
        raise RpcError(INVALID_REQUEST, "Invalid request: a member is named twice")
    return request


def success(identifier: Identifier, result: Any) -> bytes:
    """Return the response that carries a result."""
    if identifier is UNSET:
        identifier = None
    return b'{"jsonrpc":"2.0","result":%b,"id":%b}' % (
        ENCODER.encode(result),
        ENCODER.encode(identifier),
    )


def failure(identifier: Identifier, error: RpcError) -> bytes:
    """Return the response that carries an error."""
    return b'{"jsonrpc":"2.0","error":%b,"id":%b}' % (
        ENCODER.encode(error.to_json()),
        ENCODER.encode(identifier),
    )


def _settle_deferred(
    request: Envelope, limits: Limits, settle: Reply, deferred: Deferred[Any]
) -> None:
    settle(_answer(request, limits, deferred.outcome))


def _answer(request: Envelope, limits: Limits, outcome: Callable[[], Any]) -> bytes | None:
    """Return the response to a request whose outcome is known; None for a notification."""
    try:
        answer = success(request.id, outcome())
    except Exception as error:
        return _failed(request, error)
    if request.id is UNSET:
        return None
    return answer if len(answer) <= limits.response_bytes else failure(request.id, _too_big(limits))


def _failed(request: Envelope, error: Exception) -> bytes | None:
    told = as_rpc_error(error)
    if told is None:
        log.error("the method %s failed", request.method, exc_info=error)
        told = RpcError(
            INTERNAL_ERROR,
            "Internal error",
            reasons("Internal", hint="the node's log says more; please report it"),
        )
    return None if request.id is UNSET else failure(request.id, told)


def _too_big(limits: Limits) -> RpcError:
    return RpcError(
        RESPONSE_TOO_BIG,
        "Response is too big",
        reasons(
            "ResponseTooBig",
            expected=f"at most {limits.response_bytes} bytes",
            hint="ask for fewer keys or blocks at a time",
        ),
    )


def _perhaps_id(raw: bytes, limits: Limits) -> Identifier:
    """Return the id of a malformed request if it can be told, else None."""
    try:
        found = IDENTIFIED.decode(raw).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return found if _is_fit(found, limits) else None


def _is_fit(identifier: Identifier, limits: Limits) -> bool:
    if isinstance(identifier, str):
        return len(identifier) <= limits.identifier_bytes
    if isinstance(identifier, int):
        return abs(identifier) < int(10**limits.digits)
    return True


def _names_twice(raw: bytes, request: Envelope) -> bool:
    """Tell whether the envelope has more members than it has names.

    Every member brings the string of its name, so without escapes it is enough to count quotes:
    those of the names, of two values, perhaps of the id, and none more outside the parameters.
    """
    params = bytes(request.params)
    distinct = 2 + bool(params) + (request.id is not UNSET)
    strings = distinct + 2 + isinstance(request.id, str)
    if b"\\" not in raw and raw.count(b'"') - params.count(b'"') == 2 * strings:
        return False
    return _count_names(raw) != distinct


def _count_names(raw: bytes) -> int:
    """Count the names of the outermost object."""
    depth = named = 0
    for token in TOKEN.finditer(raw):
        text = token.group()
        if text in (b"[", b"{"):
            depth += 1
        elif text in (b"]", b"}"):
            depth -= 1
        elif depth == 1 and token.group(2):
            named += 1
    return named


def _batch_decoder(length: int) -> msgspec.json.Decoder[Any]:
    """Return a reader of arrays of at most `length` items.

    A structure written as an array stops at the first item too many, where a list would first
    build them all: half a million from 1 MiB of commas.
    """
    decoder = _BATCH_DECODERS.get(length)
    if decoder is None:
        fields = [(f"item{number}", Raw, Raw(b"")) for number in range(length)]
        shape = msgspec.defstruct("Items", fields, array_like=True, forbid_unknown_fields=True)
        decoder = _BATCH_DECODERS[length] = msgspec.json.Decoder(shape)
    return decoder


_BATCH_DECODERS: dict[int, msgspec.json.Decoder[Any]] = {}
