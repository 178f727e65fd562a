"""JSON-RPC 2.0, sentence by sentence, and the strictness added to it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from gongshe.rpc.dispatcher import Dispatcher, is_deep
from gongshe.rpc.limits import Limits
from gongshe.rpc.subscriptions import Session
from tests.unit.rpc.conversation import (
    Recorder,
    call,
    deferred,
    make_dispatcher,
    make_session,
    request,
)


@pytest.fixture
def dispatcher() -> Dispatcher:
    return make_dispatcher()


@pytest.fixture
def session() -> Session:
    return make_session(outlet=Recorder())


@pytest.mark.parametrize("identifier", [1, 0, -7, 10**79, "a", "", "号", None, 1.5])
def test_an_id_is_echoed(dispatcher: Dispatcher, session: Session, identifier: object) -> None:
    answer = call(dispatcher, session, request("test_echo", "hi", identifier=identifier))
    assert answer == {"jsonrpc": "2.0", "result": "hi", "id": identifier}


@pytest.mark.parametrize(
    "identifier", [b"1" * 81, b'"' + b"x" * 257 + b'"', b"true", b"[1]", b"1e999", b"9" * 5_000]
)
def test_an_id_that_cannot_be_echoed_is_refused(
    dispatcher: Dispatcher, session: Session, identifier: bytes
) -> None:
    raw = b'{"jsonrpc":"2.0","method":"test_echo","params":["a"],"id":%b}' % identifier
    answer = call(dispatcher, session, raw)
    assert answer["error"]["code"] == -32600
    assert answer["id"] is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'{"jsonrpc":"2.0","method":"test_echo","id":1', -32700),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":[NaN],"id":1}', -32700),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["a",Infinity],"id":1}', -32700),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["\\ud800"],"id":1}', -32700),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["\xff"],"id":1}', -32700),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0","method":"test_echo","id":1}', -32700),
        (b"[1,", -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'"x"', -32600),
        (b"null", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"1.0","method":"test_echo","id":1}', -32600),
        (b'{"jsonrpc":"2.0","method":1,"id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["a"],"id":1,"extra":1}', -32600),
        (b'{"jsonrpc":"2.0","method":"test_unsafe","method":"test_echo","id":1}', -32600),
        (b'{"jsonrpc":"2.0","method":"test_echo","id":1,"params":["a"],"params":["b"]}', -32600),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["a"],"id":1,"\\u0069d":2}', -32600),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["a"],"id":"params\\"","id":1}', -32600),
        (b'{"jsonrpc":"2.0","method":"test_nothing","id":1}', -32601),
        (b'{"jsonrpc":"2.0","method":"test_echo","id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":[],"id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":[1],"id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["a",10],"id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":["a",1,1],"id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":"a","id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":{"txt":"a"},"id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_echo","params":{"text":"a","text":"b"},"id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_objects","params":[[{"a":1,"a":2}]],"id":1}', -32602),
        (b'{"jsonrpc":"2.0","method":"test_long","params":[' + b"9" * 81 + b'],"id":1}', -32602),
    ],
)
def test_each_fault_has_its_code(
    dispatcher: Dispatcher, session: Session, raw: bytes, code: int
) -> None:
    answer = call(dispatcher, session, raw)
    assert answer["error"]["code"] == code
    assert "result" not in answer


@pytest.mark.parametrize(
    "raw",
    [
        b'{"jsonrpc":"2.0","method":"test_echo","params":["a"],"id":"\\"id\\":"}',
        b'{"params":["\\"method\\":"],"jsonrpc" : "2.0" ,"method":"test_echo","id":[1][0]}'.replace(
            b"[1][0]", b"7"
        ),
        b' \n{"jsonrpc":"2.0","method":"test_alias","params":{"text":"{}[]"},"id":1}\n',
        b'{"jsonrpc":"2.0","method":"test_echo","params":["params"],"id":"params"}',
    ],
)
def test_unusual_writing_is_understood(
    dispatcher: Dispatcher, session: Session, raw: bytes
) -> None:
    assert "result" in call(dispatcher, session, raw)


def test_parameters_by_position_and_by_name(dispatcher: Dispatcher, session: Session) -> None:
    assert call(dispatcher, session, request("test_echo", "ab", 2))["result"] == "abab"
    named = {"jsonrpc": "2.0", "method": "test_echo", "id": 1}
    assert call(dispatcher, session, named | {"params": {"times": 3, "text": "a"}})["result"] == (
        "aaa"
    )


def test_missing_and_null_parameters_mean_none(dispatcher: Dispatcher, session: Session) -> None:
    ways: list[dict[str, Any]] = [{}, {"params": None}, {"params": []}, {"params": {}}]
    for params in ways:
        message = {"jsonrpc": "2.0", "method": "rpc_methods", "id": 1} | params
        assert "test_echo" in call(dispatcher, session, message)["result"]["methods"]


def test_values_arrive_as_bytes_and_numbers(dispatcher: Dispatcher, session: Session) -> None:
    alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
    address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    answer = call(
        dispatcher, session, request("test_values", "0xABcd", "0x" + "11" * 32, "0x1a", address)
    )
    assert answer["result"] == ["abcd", "11" * 32, 26, alice]
    answer = call(dispatcher, session, request("test_values", "", None, 4, "0x" + alice))
    assert answer["result"] == ["", None, 4, alice]


@pytest.mark.parametrize(
    "params",
    [
        ["0x1"],
        ["0xzz"],
        ["0x 1"],
        [5],
        [None],
        ["0x", "0x11"],
        ["0x", 1],
        ["0x", None, -1],
        ["0x", None, 2**32],
        ["0x", None, "12"],
        ["0x", None, "0x1_0"],
        ["0x", None, True],
        ["0x", None, None, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ"],
        ["0x", None, None, "1" * 1_000],
    ],
)
def test_values_that_do_not_fit_are_refused(
    dispatcher: Dispatcher, session: Session, params: list[Any]
) -> None:
    answer = call(dispatcher, session, request("test_values", *params))
    assert answer["error"]["code"] == -32602


def test_a_notification_is_carried_out_in_silence(dispatcher: Dispatcher, session: Session) -> None:
    for method in ("test_echo", "test_nothing", "test_broken"):
        message = {"jsonrpc": "2.0", "method": method, "params": ["a"]}
        assert call(dispatcher, session, message) is None
        assert call(dispatcher, session, [message, message]) is None


def test_a_batch_answers_each_request(dispatcher: Dispatcher, session: Session) -> None:
    batch = [
        request("test_echo", "a", identifier=1),
        {"jsonrpc": "2.0", "method": "test_echo", "params": ["silent"]},
        7,
        request("test_nothing", identifier="x"),
        {"foo": "bar", "id": 9},
    ]
    answers = call(dispatcher, session, batch)
    found = [(one["id"], one.get("result"), one.get("error", {}).get("code")) for one in answers]
    assert found == [(1, "a", None), (None, None, -32600), ("x", None, -32601), (9, None, -32600)]


def test_a_batch_may_be_as_long_as_the_limit(dispatcher: Dispatcher, session: Session) -> None:
    length = session.limits.batch_length
    assert len(call(dispatcher, session, [request("test_echo", "a")] * length)) == length
    answer = call(dispatcher, session, [request("test_echo", "a")] * (length + 1))
    assert answer["error"]["code"] == -32010


def test_a_request_may_be_as_long_as_the_limit(dispatcher: Dispatcher) -> None:
    raw = json.dumps(request("test_echo", "a")).encode()
    fitting = make_session(limits=Limits(body_bytes=len(raw)))
    assert call(dispatcher, fitting, raw)["result"] == "a"
    narrow = make_session(limits=Limits(body_bytes=len(raw) - 1))
    assert call(dispatcher, narrow, raw)["error"]["code"] == -32007


def test_an_answer_may_be_as_long_as_the_limit(dispatcher: Dispatcher) -> None:
    session = make_session(limits=Limits(response_bytes=1_000))
    frame = len('{"jsonrpc":"2.0","result":"","id":1}')
    assert "result" in call(dispatcher, session, request("test_long", 1_000 - frame))
    answer = call(dispatcher, session, request("test_long", 1_001 - frame))
    assert answer["error"]["code"] == -32008
    answers = call(dispatcher, session, [request("test_long", 400, identifier=n) for n in range(3)])
    assert [one["id"] for one in answers] == [0, 1, 2]
    assert [one.get("error", {}).get("code") for one in answers] == [None, None, -32008]


@pytest.mark.parametrize(("inside", "code"), [(30, -32602), (31, -32600), (100_000, -32600)])
def test_nesting_is_bounded(
    dispatcher: Dispatcher, session: Session, inside: int, code: int
) -> None:
    deep = b"[" * inside + b"]" * inside
    raw = b'{"jsonrpc":"2.0","method":"test_echo","params":[%b],"id":1}' % deep
    assert call(dispatcher, session, raw)["error"]["code"] == code


def test_brackets_in_strings_do_not_nest() -> None:
    assert not is_deep(b'["' + b"[" * 100 + b'"]', 32)
    assert not is_deep(b'["\\"' + b"[" * 100 + b'"]', 32)
    assert is_deep(b"[" * 33 + b"]" * 33, 32)
    assert not is_deep(b"[" * 32 + b"]" * 32, 32)
    assert not is_deep(b'[{"a":[{}]}]' * 1_000, 4)
    assert is_deep(b'[{"a":[{}]}]' * 1_000, 3)


def test_operators_methods_are_for_operators(dispatcher: Dispatcher, session: Session) -> None:
    assert call(dispatcher, session, request("test_unsafe"))["error"]["code"] == -32601
    assert "test_unsafe" not in call(dispatcher, session, request("rpc_methods"))["result"]
    operator = make_session(unsafe_allowed=True)
    assert call(dispatcher, operator, request("test_unsafe"))["result"] is True


def test_a_bug_is_logged_and_not_told(
    dispatcher: Dispatcher, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = call(dispatcher, session, request("test_broken"))
    assert answer["error"]["code"] == -32603
    assert "inside" not in json.dumps(answer)
    assert "secret-of-the-inside" in caplog.text


def test_a_deferred_answer_comes_once_it_is_settled(
    dispatcher: Dispatcher, session: Session
) -> None:
    replies: list[bytes | None] = []
    batch = json.dumps([request("test_later", identifier=n) for n in (1, 2)]).encode()
    deferred.clear()
    dispatcher.handle(batch, session, replies.append)
    assert replies == []
    deferred[1].resolve("two")
    assert replies == []
    deferred[0].refuse(ValueError("inside"))
    answers = json.loads(replies[0] or b"")
    assert [(one["id"], one.get("result")) for one in answers] == [(2, "two"), (1, None)]


def test_slow_methods_are_handed_over(dispatcher: Dispatcher) -> None:
    handed: list[object] = []
    session = make_session(offload=lambda work, outcome: handed.append((work, outcome)))
    replies: list[bytes | None] = []
    dispatcher.handle(json.dumps(request("test_slow")).encode(), session, replies.append)
    assert len(handed) == 1
    assert not replies


def test_a_caller_over_its_rate_is_told_to_wait(dispatcher: Dispatcher) -> None:
    charged: list[int] = []

    def charge(cost: int) -> float:
        charged.append(cost)
        return 0.0 if len(charged) < 3 else 12.0

    session = make_session(charge=charge)
    answers = call(
        dispatcher,
        session,
        [request("test_echo", "a"), request("test_slow"), request("test_echo", "b")],
    )
    assert charged == [1, 10, 1]
    assert answers[2]["error"]["code"] == -32999
    assert "12 s" in answers[2]["error"]["data"]["hint"]
