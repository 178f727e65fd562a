"""Whatever bytes come in, a valid response goes out: random, mutated and malicious messages."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from typing import Any

import pytest

from gongshe.rpc.dispatcher import Dispatcher
from gongshe.rpc.limits import MIB
from gongshe.rpc.subscriptions import Session
from tests.unit.rpc.conversation import Recorder, make_dispatcher, make_session, request

SEEDS = [
    json.dumps(request("test_echo", "a", 3)).encode(),
    json.dumps(request("test_values", "0xabcd", "0x" + "11" * 32, "0x1a")).encode(),
    json.dumps([request("test_echo", "a"), request("rpc_methods"), {"x": 1}]).encode(),
    json.dumps(request("test_subscribe", [1, 2])).encode(),
    json.dumps(request("test_objects", [{"a": 1}, {"b": 2}])).encode(),
    b'{"jsonrpc":"2.0","method":"test_echo","params":{"text":"\\u53f7","times":2},"id":"\\n"}',
    b'{"jsonrpc":"2.0","method":"test_echo","params":["n"]}',
]

PIECES = [
    b'"',
    b"\\",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"null",
    b"1e999",
    b"-",
    b"\x00",
    b"\xff",
    b"NaN",
    b"9" * 90,
    b'"id":1',
    b'"method":"test_echo"',
    b"\\ud800",
    b"\xe5\x8f\xb7",
    b" ",
]


def mutated(rng: random.Random) -> bytes:
    """Return a message with a few faults, or noise."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(64))
    raw = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(raw) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            raw[at : at + rng.randrange(8)] = b""
        elif kind == 1:
            raw[at:at] = rng.choice(PIECES)
        elif kind == 2:
            other = rng.choice(SEEDS)
            raw[at:] = other[rng.randrange(len(other)) :]
        else:
            raw[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(raw)


def check_response(raw: bytes | None) -> None:
    """Assert that this is what JSON-RPC 2.0 allows as a reply."""
    if raw is None:
        return
    answer = json.loads(raw.decode(), parse_constant=_refuse_constant)
    answers = answer if isinstance(answer, list) else [answer]
    assert answers
    for one in answers:
        check_one(one)


def check_one(answer: dict[str, Any]) -> None:
    assert answer["jsonrpc"] == "2.0"
    assert set(answer) in ({"jsonrpc", "id", "result"}, {"jsonrpc", "id", "error"})
    assert answer["id"] is None or type(answer["id"]) in (str, int, float)
    if "error" in answer:
        error = answer["error"]
        assert set(error) <= {"code", "message", "data"}
        assert -32800 <= error["code"] <= -32000
        assert error["code"] != -32603, "a fault of ours"
        assert "Traceback" not in error["message"]


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def fuzz(count: int, seed: int) -> None:
    rng = random.Random(seed)
    dispatcher, session = make_dispatcher(), fresh_session()
    for number in range(count):
        if number % 64 == 0:
            session = fresh_session()  # or its subscriptions run out and hide the rest
        raw = mutated(rng)
        replies: list[bytes | None] = []
        dispatcher.handle(raw, session, replies.append)
        assert len(replies) == 1, raw
        check_response(replies[0])


def fresh_session() -> Session:
    return make_session(outlet=Recorder(), unsafe_allowed=True)


def test_mutated_messages_get_valid_responses() -> None:
    fuzz(5_000, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_mutated_messages_get_valid_responses(seed: int) -> None:
    fuzz(25_000, seed)


BOMBS = {
    "empty arrays": b"[" + b"[]," * (MIB // 3 - 2) + b"[]]",
    "numbers": b"[" + b"1," * (MIB // 2 - 2) + b"1]",
    "open brackets": b"[" * MIB,
    "closed brackets": b"[" * (MIB // 2) + b"]" * (MIB // 2),
    "mixed brackets": b'[{"a":' * (MIB // 6),
    "a long number": b'{"jsonrpc":"2.0","method":"test_echo","params":["a",'
    + b"9" * 10**6
    + b'],"id":1}',
    "a long id": b'{"jsonrpc":"2.0","method":"test_echo","id":' + b"9" * 10**6 + b"}",
    "empty arrays as parameters": b'{"jsonrpc":"2.0","method":"test_echo","id":1,"params":['
    + b"[]," * 340_000
    + b"[]]}",
    "empty objects as parameters": b'{"jsonrpc":"2.0","method":"test_objects","id":1,"params":[['
    + b"{}," * 340_000
    + b"[]]]}",
    "names": b'{"jsonrpc":"2.0","method":"test_echo","params":["a"],'
    + b'"id":1,' * 140_000
    + b'"id":1}',
    "escapes": b'{"jsonrpc":"2.0","method":"test_echo","params":["'
    + b"\\n" * 500_000
    + b'"],"id":1}',
    "quotes": b'"' * MIB,
    "backslashes": b'["' + b"\\" * (MIB - 4) + b'"]',
    "white space": b" " * MIB,
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_built_to_cost_costs_little(name: str) -> None:
    raw = BOMBS[name]
    assert len(raw) <= MIB
    dispatcher: Dispatcher = make_dispatcher()
    started = time.process_time()
    replies: list[bytes | None] = []
    dispatcher.handle(raw, fresh_session(), replies.append)
    spent = time.process_time() - started
    check_response(replies[0])
    assert spent < 0.5, "some twenty times what it takes on the machine it was written on"

    tracemalloc.start()
    dispatcher.handle(raw, fresh_session(), replies.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * len(raw) + 8 * MIB
