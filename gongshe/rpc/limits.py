"""The bounds of the RPC room, in one place, and the bucket that meters a caller.

`Limits()` holds the defaults; each field says why its value was chosen.
"""

from __future__ import annotations

from collections import OrderedDict

from gongshe.primitives.records import Record

MIB = 1_048_576


KEYS_PER_PAGE = 1_000
"""`state_getKeysPaged`, as Substrate's."""

KEYS_PER_QUERY = 1_000
"""Storage keys or items named in one request or subscription."""


class Limits(Record):
    """What one listener allows."""

    body_bytes: int = MIB
    """A request. Hexadecimal doubles, so an extrinsic or a runtime call of 512 KiB fits, some 3 000
    plain transfers in one batch; the largest legal transfer-like call is far below that."""

    response_bytes: int = 15 * MIB
    """As Substrate's. Metadata in hexadecimal is below 1 MiB, a full block below 11 MiB."""

    batch_length: int = 100
    """Batches of 100 already reach the full rate of the dispatcher (ten times single calls); more
    would only let one message hold the loop longer than a few milliseconds."""

    depth: int = 32
    """Nesting of a request. No method needs more than four levels."""

    elements: int = 50_000
    """Commas in a request: a batch of 100 that names 500 keys each. A short element costs thirty
    times its text once it is an object, so 1 MiB of them is refused unparsed."""

    digits: int = 80
    """A 256-bit number has 78 decimal digits. Longer ones are only written to burn time."""

    identifier_bytes: int = 256
    """A request's own `id`, echoed as it came. Clients send counters or UUIDs."""

    connections: int = 100
    """As Substrate's; each may hold about 1 MiB of request and 64 messages."""

    connections_per_address: int = 16
    """One address may not take all places. Loopback is exempt: it is the operator's own."""

    subscriptions: int = 32
    """Per connection. @polkadot/api holds about five, an explorer about ten."""

    watches: int = 1_024
    """Extrinsics watched over one connection: a platform waits for many at once, and each watch
    ends by itself. A few hundred bytes each."""

    outbox_messages: int = 64
    """Notifications waiting for a slow reader before it is dropped, as Substrate's."""

    slow_seconds: float = 1
    """A reader is slow once one write has been stuck so long. A block with a thousand watched
    extrinsics makes as many notifications at once; that alone says nothing of the reader."""

    outbox_bytes: int = 32 * MIB
    """Everything waiting for one reader: two of the largest answers."""

    requests_in_flight: int = 512
    """Requests of one connection whose answers are still being made; then it is not read."""

    header_seconds: float = 10
    """From connecting, or from the first byte of a further request, to the end of its headers."""

    body_seconds: float = 30
    """For a whole request: 1 MiB at 35 kB/s."""

    idle_seconds: float = 60
    """Between two requests over HTTP."""

    write_seconds: float = 30
    """For one write to make its way into the socket; a reader that took nothing so long is gone."""

    ping_seconds: float = 30
    """Between pings over an idle WebSocket; proxies commonly cut after 60 s."""

    silence_seconds: float = 300
    """Without a byte from a WebSocket, pongs included. Not shorter: clients without a thread of
    their own (substrate-interface) answer pings only when they next make a call."""

    grace_seconds: float = 2
    """For connections to end when the node stops."""

    reads_in_threads: int = 4
    """Slow reads at once, over all connections; more threads would only fight over one
    interpreter."""

    keys_listed: int = 10_000
    """`state_getKeys` and `state_getPairs`, for operators; whoever wants more pages."""

    blocks_per_query: int = 256
    """`state_queryStorage`: as many as a pruned node keeps."""

    reads_per_query: int = 100_000
    """Keys times blocks, and entries compared by `archive_v1_storageDiff`: about a second."""

    follows: int = 4
    """`chainHead_v1_follow` per connection; the specification asks for at least 2."""

    pinned_blocks: int = 512
    """Per follow; a client that does not unpin gets `stop`. As Substrate's."""

    operations: int = 16
    """Per follow, the least that the specification allows."""

    items_per_event: int = 512
    """Storage items in one event of an operation, which then waits for `continue`: about 100 kB,
    made in a few milliseconds."""

    broadcasts: int = 16
    """`transaction_v1_broadcast` per connection; the specification asks for at least 4."""

    offchain_entries: int = 1_024
    offchain_bytes: int = MIB
    """The off-chain local storage an operator may fill, keys and values together."""

    calls_per_minute: int | None = None
    """Per address, slow methods counting as ten; None: no meter. Loopback is never metered."""


METERED_ADDRESSES = 10_000
"""Addresses remembered by the meter: about 2 MB."""

SLOW_COST = 10
"""Calls that a slow method counts as."""


class Meter:
    """A token bucket for each address, all of one size, the longest unused forgotten first.

    A bucket holds one minute's calls. A forgotten address starts full again, which it would be
    anyway after a minute's silence unless ten thousand others came in between.
    """

    def __init__(self, calls_per_minute: int) -> None:
        self._capacity = calls_per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, cost: int, now: float) -> float:
        """Take `cost` calls at time `now` (seconds) and return 0, or the seconds to wait."""
        tokens, since = self._buckets.pop(address, (float(self._capacity), now))
        rate = self._capacity / 60
        tokens = min(float(self._capacity), tokens + (now - since) * rate)
        missing = min(cost, self._capacity) - tokens
        if missing <= 0:
            tokens -= min(cost, self._capacity)
        self._buckets[address] = (tokens, now)
        if len(self._buckets) > METERED_ADDRESSES:
            self._buckets.popitem(last=False)
        return max(0.0, missing / rate)


class Places:
    """The connections that are open, in all and by address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_address: dict[str, int] = {}
        self.taken = 0

    def take(self, address: str, *, exempt: bool) -> str | None:
        """Take a place and return None, or say which limit refuses it."""
        held = self._by_address.get(address, 0)
        if self.taken >= self._limits.connections:
            return f"all {self._limits.connections} connections are taken"
        if not exempt and held >= self._limits.connections_per_address:
            return f"your address holds {held} connections"
        self._by_address[address] = held + 1
        self.taken += 1
        return None

    def free(self, address: str) -> None:
        """Give a place back."""
        self.taken -= 1
        held = self._by_address[address] - 1
        if held:
            self._by_address[address] = held
        else:
            del self._by_address[address]
