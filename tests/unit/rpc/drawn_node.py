"""A node's answers over a drawn chain: the real store, queries and doors, without a socket."""

from __future__ import annotations

import json
from threading import Lock
from typing import Any

from gongshe.chain.pool import Pool
from gongshe.chain.queries import ChainQueries
from gongshe.chain.store import Applied
from gongshe.node.doors import ChainDoor, NodeDoor, PoolDoor
from gongshe.node.messages import Input
from gongshe.rpc.backend import Backend, BestChanged, BlockImported, BlocksFinalized, ChainEvent
from gongshe.rpc.dispatcher import Dispatcher
from gongshe.rpc.limits import Limits
from gongshe.rpc.subscriptions import Hub
from gongshe.rpc.tables import ALL_TABLES
from tests.chains import Drawing, Site
from tests.unit.rpc.conversation import Recorder, call, make_session, request


class DrawnNode:
    """A site whose chain clients ask about; what it takes is announced as a node does."""

    def __init__(self, drawing: Drawing, limits: Limits | None = None) -> None:
        self.drawing = drawing
        self.site = Site(drawing)
        self.queries = ChainQueries(self.site.store, drawing.assemblies)
        self.inbox: list[Input] = []
        pool = PoolDoor(Pool(), self.queries, Lock(), self.inbox.append)
        node = NodeDoor(
            self.queries,
            "Drawn",
            "Local",
            {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "DC"},
            authoring=False,
            set_log_filter=read_filter,
        )
        self.hub = Hub()
        self.backend = Backend(ChainDoor(self.queries), pool, node)
        self.dispatcher = Dispatcher(ALL_TABLES, self.backend, self.hub)
        self.client = Client(self, limits or Limits())

    def take(self, *names: str) -> None:
        """Import drawn blocks and announce each."""
        for name in names:
            self.tell(self.events(self.site.take(name)))

    def finalize(self, name: str) -> None:
        """Make a block final and announce it."""
        applied = self.site.finalize(name)
        assert applied is not None
        self.tell(self.events(applied))

    def events(self, applied: Applied) -> list[ChainEvent]:
        """Return what a node announces of a write, in its order."""
        found: list[ChainEvent] = []
        if applied.inserted is not None:
            head = applied.inserted
            self.queries.remember_changes(head.block_hash, self.changed(head.block_hash))
            found.append(BlockImported(head.block_hash, head.parent, head.number))
        if applied.route is not None:
            route = applied.route
            found.append(BestChanged(applied.best.block_hash, route.retracted, route.enacted))
        if applied.finalized:
            found.append(BlocksFinalized(applied.finalized, applied.abandoned))
        return found

    def changed(self, block_hash: bytes) -> list[bytes]:
        """Return the keys whose values a block changed."""
        header = self.site.store.header(block_hash)
        assert header is not None
        before = dict(self.site.store.states.at(header.parent_hash).pairs(b""))
        after = dict(self.site.store.states.at(block_hash).pairs(b""))
        return [key for key in before | after if before.get(key) != after.get(key)]

    def tell(self, events: list[ChainEvent]) -> None:
        """Announce events."""
        for event in events:
            self.hub.announce(event)

    def hash(self, name: str) -> str:
        """Return a drawn block's hash as clients write it."""
        return "0x" + self.drawing.hash(name).hex()

    def names(self, hashes: list[str]) -> list[str]:
        """Return the names of blocks by their hashes as clients read them."""
        return self.drawing.names([bytes.fromhex(one[2:]) for one in hashes])


class Client:
    """A connection to a drawn node, with what was sent to it."""

    def __init__(self, node: DrawnNode, limits: Limits, *, unsafe_allowed: bool = True) -> None:
        self._node = node
        self.recorder = Recorder()
        self.session = make_session(
            limits=limits, outlet=self.recorder, unsafe_allowed=unsafe_allowed
        )

    def answer(self, method: str, *params: object) -> Any:
        """Return the whole response to a call."""
        return call(self._node.dispatcher, self.session, request(method, *params))

    def ask(self, method: str, *params: object) -> Any:
        """Return the result of a call that must succeed."""
        response = self.answer(method, *params)
        assert "result" in response, response
        return response["result"]

    def refused(self, method: str, *params: object) -> int:
        """Return the code of a call that must be refused."""
        response = self.answer(method, *params)
        assert "error" in response, response
        code: int = response["error"]["code"]
        return code

    def news(self, identifier: str | None = None) -> list[Any]:
        """Return and forget what was sent since, of one subscription or of all."""
        found = [json.loads(message)["params"] for message in self.recorder.messages]
        self.recorder.messages.clear()
        return [one["result"] for one in found if identifier in (None, one["subscription"])]


def read_filter(directives: str | None) -> None:
    """Refuse what is no filter, as the log does."""
    if directives is not None and "=" not in directives:
        raise ValueError(f"expected target=level, found {directives!r}")
