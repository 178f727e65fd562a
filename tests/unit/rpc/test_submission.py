"""Extrinsics through the real pool, conductor and server, by a WebSocket client.

The node seals a block per extrinsic, so nothing here waits for a clock.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection, open_websocket_url

from gongshe.chain.pool import Pool
from gongshe.chain.signatures import InlineVerifier
from gongshe.chain.store import ChainStore
from gongshe.node.conductor import Conduct
from gongshe.node.doors import NodeDoor
from gongshe.node.service import Node
from gongshe.rpc.access import Listener
from gongshe.rpc.backend import Backend
from gongshe.rpc.server import Server
from gongshe.runtime.versions import SHIPPED
from tests.chains import ALICE, BOB, EVE, Drawing, transfer
from tests.unit.rpc.drawn_node import read_filter

pytestmark = pytest.mark.trio

PATIENCE = 30
"""Seconds after which a test that waits has failed."""


class Talk:
    """A WebSocket conversation with a node that runs here."""

    def __init__(self, socket: WebSocketConnection, drawing: Drawing) -> None:
        self.drawing = drawing
        self._socket = socket
        self._numbers = itertools.count(1)
        self._news: list[Any] = []
        self._signed: dict[tuple[int, int, int], str] = {}

    async def answer(self, method: str, *params: object) -> Any:
        number = next(self._numbers)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        await self._socket.send_message(json.dumps(message))
        while True:
            received = json.loads(await self._socket.get_message())
            if "id" in received:
                assert received["id"] == number
                return received
            self._news.append(received["params"])

    async def ask(self, method: str, *params: object) -> Any:
        response = await self.answer(method, *params)
        assert "result" in response, response
        return response["result"]

    async def until(self, identifier: str, last: Callable[[Any], bool]) -> list[Any]:
        """Return the news of one subscription up to the one looked for."""
        found = []
        while True:
            for one in [one for one in self._news if one["subscription"] == identifier]:
                self._news.remove(one)
                found.append(one["result"])
                if last(one["result"]):
                    return found
            self._news.append(json.loads(await self._socket.get_message())["params"])

    def signed(self, nonce: int, amount: int = 10**9, tip: int = 0) -> str:
        """Return Alice's transfer, the same bytes each time: sr25519 signatures vary."""
        wanted = (nonce, amount, tip)
        if wanted not in self._signed:
            wish = transfer(ALICE, BOB, amount, tip=tip)
            self._signed[wanted] = "0x" + self.drawing.sign("0", wish, nonce).hex()
        return self._signed[wanted]


@asynccontextmanager
async def talking(*, authoring: bool = True) -> AsyncIterator[Talk]:
    """Run a node whose only authority is Alice, and connect to it."""
    drawing = Drawing(schedule=[ALICE])
    keys = {ALICE.public: ALICE.sign} if authoring else {}
    store = ChainStore.open(drawing.founded())
    conduct = Conduct(finalize_own=authoring, instant=authoring)
    node = Node(store, SHIPPED, InlineVerifier(), Pool(), keys, conduct)
    facts = NodeDoor(
        node.queries, "Drawn", "Development", {}, authoring=authoring, set_log_filter=read_filter
    )
    server = Server(Backend(node.chain_door, node.pool_door, facts), [Listener(port=0)])
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            ((_, port),) = await nursery.start(server.run)
            nursery.start_soon(node.run, server)
            async with open_websocket_url(f"ws://127.0.0.1:{port}") as socket:
                yield Talk(socket, drawing)
            nursery.cancel_scope.cancel()


def is_final(status: Any) -> bool:
    return isinstance(status, dict) and "finalized" in status


async def test_an_extrinsic_is_watched_to_finality() -> None:
    async with talking() as talk:
        watch = await talk.ask("author_submitAndWatchExtrinsic", talk.signed(0))
        statuses = await talk.until(watch, is_final)
        block = statuses[-1]["finalized"]
        assert statuses == ["ready", {"inBlock": block}, {"finalized": block}]
        body = (await talk.ask("chain_getBlock", block))["block"]["extrinsics"]
        assert body[-1] == talk.signed(0)
        assert await talk.ask("system_accountNextIndex", ALICE.address()) == 1
        assert await talk.ask("author_unwatchExtrinsic", watch) is False, "it ended by itself"


async def test_a_refusal_says_what_to_do() -> None:
    async with talking() as talk:
        watch = await talk.ask("author_submitAndWatchExtrinsic", talk.signed(0))
        await talk.until(watch, is_final)
        stale = talk.signed(0, amount=5)
        for method in ("author_submitExtrinsic", "author_submitAndWatchExtrinsic"):
            error = (await talk.answer(method, stale))["error"]
            assert error["code"] == 1010
            assert error["message"].startswith("Invalid Transaction: Stale")
            assert error["data"]["error"] == "Stale"
            assert error["data"]["hint"]
        error = (await talk.answer("author_submitExtrinsic", "0x0102"))["error"]
        assert error["code"] == 1001
        honest = bytearray.fromhex(talk.signed(1)[2:])
        honest[-1] ^= 1  # another amount than was signed for
        forged = "0x" + honest.hex()
        error = (await talk.answer("author_submitExtrinsic", forged))["error"]
        assert error["code"] in (1002, 1010)
        assert error["data"]["error"] == "BadProof"


async def test_the_pool_is_listed_counted_and_cleared() -> None:
    async with talking(authoring=False) as talk:
        hashes = [await talk.ask("author_submitExtrinsic", talk.signed(n)) for n in range(3)]
        await talk.ask("author_submitExtrinsic", talk.signed(9))
        assert await talk.ask("author_pendingExtrinsics") == [talk.signed(n) for n in range(3)]
        assert await talk.ask("system_accountNextIndex", ALICE.address()) == 3
        error = (await talk.answer("author_submitExtrinsic", talk.signed(1)))["error"]
        assert error["code"] == 1013
        error = (await talk.answer("author_submitExtrinsic", talk.signed(1, amount=5)))["error"]
        assert error["code"] == 1014
        removed = await talk.ask(
            "author_removeExtrinsic", [{"hash": hashes[2]}, {"extrinsic": talk.signed(0)}]
        )
        assert sorted(removed) == sorted([hashes[2], hashes[0]])
        answer = await talk.answer("author_removeExtrinsic", [{}])
        assert answer["error"]["code"] == -32602
        error = (await talk.answer("author_submitExtrinsic", talk.signed(2)))["error"]
        assert error["code"] == 1012


async def test_a_future_extrinsic_becomes_ready_and_may_be_usurped() -> None:
    async with talking(authoring=False) as talk:
        later = await talk.ask("author_submitAndWatchExtrinsic", talk.signed(1))
        assert await talk.until(later, lambda status: True) == ["future"]
        await talk.ask("author_submitExtrinsic", talk.signed(0))
        assert await talk.until(later, lambda status: True) == ["ready"]
        better = await talk.ask("author_submitExtrinsic", talk.signed(1, tip=10**9))
        assert await talk.until(later, lambda status: True) == [{"usurped": better}]


async def test_the_newer_watch_tells_the_same_story() -> None:
    async with talking() as talk:
        watch = await talk.ask("transactionWatch_v1_submitAndWatch", talk.signed(0))
        events = await talk.until(watch, lambda event: event["event"] == "finalized")
        place = events[-1]["block"]
        assert events == [
            {"event": "validated"},
            {"event": "bestChainBlockIncluded", "block": place},
            {"event": "finalized", "block": place},
        ]
        body = (await talk.ask("chain_getBlock", place["hash"]))["block"]["extrinsics"]
        assert body[place["index"]] == talk.signed(0)
        watch = await talk.ask("transactionWatch_v1_submitAndWatch", talk.signed(0, amount=5))
        (refused,) = await talk.until(watch, lambda event: True)
        assert refused["event"] == "invalid"
        assert "Stale" in refused["error"]
        assert await talk.ask("transactionWatch_v1_unwatch", watch) is None


async def test_a_broadcast_is_offered_again_until_it_may_enter() -> None:
    async with talking() as talk:
        poor = talk.drawing.sign("0", transfer(EVE, BOB, 1), 0)
        heads = await talk.ask("chain_subscribeNewHeads")
        operation = await talk.ask("transaction_v1_broadcast", "0x" + poor.hex())
        wish = transfer(ALICE, EVE, 10**13)
        funding = "0x" + talk.drawing.sign("0", wish, 0).hex()
        watch = await talk.ask("author_submitAndWatchExtrinsic", funding)
        await talk.until(watch, is_final)
        await talk.until(heads, lambda head: int(head["number"], 16) == 2)
        assert await talk.ask("system_accountNextIndex", EVE.address()) == 1
        assert await talk.ask("transaction_v1_stop", operation) is None
        answer = await talk.answer("transaction_v1_stop", operation)
        assert answer["error"]["code"] == -32602


async def test_broadcasts_are_bounded() -> None:
    async with talking(authoring=False) as talk:
        offered = [
            await talk.ask("transaction_v1_broadcast", talk.signed(number)) for number in range(17)
        ]
        assert None not in offered[:16]
        assert offered[16] is None


async def test_fees_and_a_dry_run() -> None:
    async with talking() as talk:
        extrinsic = talk.signed(0)
        info = await talk.ask("payment_queryInfo", extrinsic)
        assert info["class"] == "normal"
        assert info["weight"]["ref_time"] > 0
        details = (await talk.ask("payment_queryFeeDetails", extrinsic))["inclusionFee"]
        parts = (details[name] for name in ("baseFee", "lenFee", "adjustedWeightFee"))
        assert sum(int(part, 16) for part in parts) == int(info["partialFee"])
        assert await talk.ask("system_dryRun", extrinsic) == "0x0000"
        assert (await talk.ask("system_dryRun", talk.signed(1))).startswith("0x01")
        assert await talk.ask("system_accountNextIndex", ALICE.address()) == 0
        answer = await talk.answer("payment_queryInfo", "0x0102")
        assert answer["error"]["code"] == 4003


async def test_a_client_that_leaves_is_forgotten() -> None:
    async with talking(authoring=False) as talk:
        watch = await talk.ask("author_submitAndWatchExtrinsic", talk.signed(0))
        assert await talk.ask("author_unwatchExtrinsic", watch) is True
        assert await talk.ask("author_unwatchExtrinsic", watch) is False
        again = await talk.ask("author_submitAndWatchExtrinsic", talk.signed(1))
        assert await talk.until(again, lambda status: True) == ["ready"]
