"""Subscriptions: the id first, then the news; bounds; and ends that end."""

from __future__ import annotations

import json

import pytest

from gongshe.rpc.backend import BlocksFinalized, ChainEvent
from gongshe.rpc.errors import RpcError
from gongshe.rpc.limits import Limits
from gongshe.rpc.subscriptions import Hub
from tests.unit.rpc.conversation import Recorder, call, make_dispatcher, make_session, request


def test_the_id_is_answered_before_the_first_news() -> None:
    recorder = Recorder()
    session = make_session(outlet=recorder)
    seen_at_reply: list[int] = []

    def reply(answer: bytes | None) -> None:
        seen_at_reply.append(len(recorder.messages))

    raw = json.dumps(request("test_subscribe", [1, 2, 3])).encode()
    make_dispatcher().handle(raw, session, reply)
    assert seen_at_reply == [0]
    assert [json.loads(one)["params"]["result"] for one in recorder.messages] == [1, 2, 3]


def test_in_a_batch_the_news_waits_for_the_whole_answer() -> None:
    recorder = Recorder()
    session = make_session(outlet=recorder)
    dispatcher = make_dispatcher()
    answers = call(
        dispatcher, session, [request("test_subscribe", [1]), request("test_subscribe", [2])]
    )
    news = [json.loads(one) for one in recorder.messages]
    assert [one["params"]["subscription"] for one in news] == [one["result"] for one in answers]
    assert {one["method"] for one in news} == {"test_news"}


def test_an_ended_subscription_is_silent() -> None:
    recorder = Recorder()
    session = make_session(outlet=recorder)
    subscription = session.open("test_news")
    subscription.release()
    dispatcher = make_dispatcher()
    assert not call(dispatcher, session, request("test_unstream", subscription.identifier))[
        "result"
    ], "an id of another kind"
    assert call(dispatcher, session, request("test_unsubscribe", subscription.identifier))["result"]
    subscription.notify(b"1")
    assert recorder.messages == []
    assert not call(dispatcher, session, request("test_unsubscribe", subscription.identifier))[
        "result"
    ]


def test_a_connection_holds_as_many_as_the_limit() -> None:
    session = make_session(limits=Limits(subscriptions=2), outlet=Recorder())
    session.open("a")
    first = session.open("b")
    with pytest.raises(RpcError) as refused:
        session.open("c")
    assert refused.value.code == -32006
    first.end()
    session.open("c")


def test_without_a_websocket_there_are_no_subscriptions() -> None:
    answer = call(make_dispatcher(), make_session(), request("test_subscribe", [1]))
    assert answer["error"]["code"] == -32601
    assert "WebSocket" in answer["error"]["message"]


def test_closing_a_session_lets_go_of_the_hub() -> None:
    hub, session = Hub(), make_session(outlet=Recorder())
    heard: list[ChainEvent] = []
    subscription = session.open("news")
    subscription.on_end(hub.listen(heard.append))
    event = BlocksFinalized((b"1" * 32,))
    hub.announce(event)
    session.close()
    hub.announce(event)
    assert heard == [event]


def test_a_listener_that_fails_costs_the_others_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub = Hub()
    heard: list[ChainEvent] = []

    def fail(event: ChainEvent) -> None:
        raise KeyError("bug")

    hub.listen(fail)
    hub.listen(heard.append)
    event = BlocksFinalized((b"1" * 32,))
    hub.announce(event)
    hub.announce(event)
    assert heard == [event, event]
    assert caplog.text.count("could not be told") == 1
