"""What the RPC room needs from the node, written from the clients' view.

`chain/queries.py` keeps `ChainReader`; `node/service.py` keeps the other doors, hands all of them
over in one `Backend` and tells the room what happened by the events at the end of this file.

Threads: every method of `ChainReader` may be called from any thread and reads an immutable
snapshot. Every callback handed to a door is called on the thread of the event loop.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from gongshe.primitives.records import Record
from gongshe.primitives.types import RuntimeVersion

Hash = bytes
"""32 bytes; the backend never sees hexadecimal."""


class BlockReference(Record):
    """A block by its hash and its height."""

    block_hash: Hash
    number: int


class UnknownBlock(LookupError):
    """No block of this hash is known to the node."""


class StateUnavailable(LookupError):
    """The block is known, its state is not kept; the text says what is."""


class RuntimeCallFailed(Exception):
    """A runtime API call could not be answered; the text is fit for the caller."""


class StateReader(Protocol):
    """The state after one block; a snapshot."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`."""

    def keys(self, prefix: bytes, after: bytes | None = None) -> Iterator[bytes]:
        """Yield keys under `prefix` in ascending order, those strictly after `after`."""

    def pairs(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values as `keys` does."""


class ChainReader(Protocol):
    """Reads of the chain. Methods that take a block hash raise `UnknownBlock`."""

    def genesis_hash(self) -> Hash:
        """Return the hash of block 0."""

    def best(self) -> BlockReference:
        """Return the head of the best chain."""

    def finalized(self) -> BlockReference:
        """Return the last finalized block."""

    def unfinalized(self) -> Sequence[Hash]:
        """Return every known block above the finalized one, all forks, parents before children."""

    def canonical_hash(self, number: int) -> Hash | None:
        """Return the hash at `number` on the best chain."""

    def header(self, block_hash: Hash) -> bytes | None:
        """Return the SCALE-encoded header, or None for an unknown block."""

    def body(self, block_hash: Hash) -> Sequence[bytes] | None:
        """Return the extrinsics, each with its length prefix; None if unknown or pruned."""

    def justifications(self, block_hash: Hash) -> Sequence[tuple[bytes, bytes]] | None:
        """Return pairs of engine id (four bytes) and justification, or None."""

    def state(self, block_hash: Hash) -> StateReader:
        """Return the state after this block; raises `StateUnavailable` when it was pruned."""

    def changed_keys(self, block_hash: Hash) -> Collection[bytes]:
        """Return the state keys this block wrote; raises `StateUnavailable` when not kept."""

    def prove(self, block_hash: Hash, keys: Sequence[bytes]) -> Sequence[bytes]:
        """Return the trie nodes that prove `keys` (present or absent)."""

    def runtime_version(self, block_hash: Hash) -> RuntimeVersion:
        """Return the version of the rules in force after this block."""

    def metadata(self, block_hash: Hash, version: int) -> bytes | None:
        """Return encoded metadata (`meta` magic first), or None if the version is not offered."""

    def call_runtime(self, block_hash: Hash, name: str, arguments: bytes) -> bytes:
        """Answer a runtime API call on the state after this block; writes are thrown away.

        Raises `RuntimeCallFailed` for an unknown name or bad arguments.
        """

    def dry_run(self, block_hash: Hash, extrinsic: bytes) -> bytes:
        """Return the encoded `ApplyExtrinsicResult` of this extrinsic after this block."""


class RefusalKind(enum.Enum):
    """Why the pool refused; the value is Substrate's error code and its sentence."""

    BAD_FORMAT = (1001, "Extrinsic has invalid format")
    VERIFICATION = (1002, "Verification Error")
    INVALID = (1010, "Invalid Transaction")
    UNKNOWN_VALIDITY = (1011, "Unknown Transaction Validity")
    BANNED = (1012, "Transaction is temporarily banned")
    ALREADY_IMPORTED = (1013, "Transaction Already Imported")
    PRIORITY_TOO_LOW = (1014, "Priority is too low")
    CYCLE = (1015, "Cycle Detected")
    POOL_FULL = (1016, "Immediately Dropped")
    UNACTIONABLE = (1018, "Unactionable")
    NO_TAGS = (1019, "No tags")
    FUTURE_REFUSED = (1021, "Future transactions are not accepted")


class Refusal(Record):
    """An extrinsic that did not enter the pool: what was expected, what was found, what to do."""

    kind: RefusalKind
    error: str
    """The variant's name as Substrate spells it (`Stale`, `Payment`, `BadProof`)."""

    expected: str = ""
    found: str = ""
    hint: str = ""
    pallet: str = ""


class Submitted(Record):
    """An extrinsic the pool has taken."""

    extrinsic_hash: Hash


class Future(Record):
    """It waits for an earlier nonce."""


class Ready(Record):
    """It may enter the next block."""


class Broadcast(Record):
    """It was sent to these peers."""

    peers: tuple[str, ...]


class InBlock(Record):
    """It stands in a block of the best chain, at this index."""

    block_hash: Hash
    index: int


class Retracted(Record):
    """The block it stood in left the best chain."""

    block_hash: Hash


class FinalityTimeout(Record):
    """Its block was not finalized for too long."""

    block_hash: Hash


class Finalized(Record):
    """Its block is final."""

    block_hash: Hash
    index: int


class Usurped(Record):
    """Another extrinsic took its place."""

    by: Hash


class Dropped(Record):
    """It left the pool for want of room."""


class Invalid(Record):
    """It can no longer be valid; the text says why."""

    reason: str


Status = (
    Future
    | Ready
    | Broadcast
    | InBlock
    | Retracted
    | FinalityTimeout
    | Finalized
    | Usurped
    | Dropped
    | Invalid
)
"""The life of an extrinsic. The last five are final: nothing follows them."""

LAST_STATUSES = (FinalityTimeout, Finalized, Usurped, Dropped, Invalid)


class PoolDoor(Protocol):
    """The way into the transaction pool."""

    def submit(
        self,
        extrinsic: bytes,
        answer: Callable[[Submitted | Refusal], None],
        watch: Callable[[Status], None] | None = None,
    ) -> None:
        """Offer an extrinsic; `answer` is called exactly once, at once or later.

        `watch` hears each status after a `Submitted`, until one of `LAST_STATUSES` or until
        `unwatch`. Neither may be called before this method was entered; both on the loop's thread.
        """

    def unwatch(self, watch: Callable[[Status], None]) -> None:
        """Stop telling `watch`; unknown ones are ignored."""

    def pending(self) -> Sequence[bytes]:
        """Return the extrinsics ready for a block, in that order."""

    def next_index(self, account: bytes) -> int:
        """Return the nonce for the account's next extrinsic, waiting ones counted."""

    def remove(self, extrinsic_hashes: Collection[Hash]) -> Sequence[Hash]:
        """Ban these extrinsics and return those that were in the pool."""


class PeerFacts(Record):
    """A connected peer."""

    peer_id: str
    roles: str
    best_hash: Hash
    best_number: int


class SyncFacts(Record):
    """How far the node is."""

    starting: int
    current: int
    highest: int
    is_syncing: bool


class NodeDoor(Protocol):
    """Facts about this node and the few levers an operator has."""

    @property
    def name(self) -> str:
        """The program's name."""

    @property
    def version(self) -> str:
        """The program's version."""

    @property
    def chain_name(self) -> str:
        """The name in the chain specification."""

    @property
    def chain_type(self) -> str:
        """`Development`, `Local` or `Live`."""

    @property
    def properties(self) -> Mapping[str, Any]:
        """At least `ss58Format`, `tokenDecimals`, `tokenSymbol`."""

    @property
    def roles(self) -> Sequence[str]:
        """`Full` or `Authority`."""

    @property
    def peer_id(self) -> str:
        """The network identity in base 58, or an empty text when the network is off."""

    @property
    def should_have_peers(self) -> bool:
        """False for a development chain that lives alone."""

    def listen_addresses(self) -> Sequence[str]:
        """Return the multiaddresses others may dial."""

    def peers(self) -> Sequence[PeerFacts]:
        """Return the connected peers."""

    def reserved_peers(self) -> Sequence[str]:
        """Return the identities of peers kept connected by the operator's wish."""

    def add_reserved_peer(self, address: str) -> None:
        """Keep this peer connected; raises ValueError for a malformed multiaddress."""

    def remove_reserved_peer(self, peer_id: str) -> None:
        """Stop reserving this peer; raises ValueError for a malformed identity."""

    def sync_facts(self) -> SyncFacts:
        """Return how far the node is."""

    def set_log_filter(self, directives: str | None) -> None:
        """Set log levels (`target=level,...`), or None for those of the start; ValueError."""


class KeyDoor(Protocol):
    """The node's keystore, for operators."""

    def insert(self, key_type: str, secret_uri: str, public: bytes) -> None:
        """Store a key; raises ValueError when the secret does not make this public key."""

    def rotate(self) -> bytes:
        """Make new session keys and return their public parts, encoded as the chain wants them."""

    def has_key(self, public: bytes, key_type: str) -> bool:
        """Say whether the keystore holds this key."""

    def has_session_keys(self, public_keys: bytes) -> bool:
        """Say whether the keystore holds all of these; ValueError when they do not decode."""


class Backend(Record):
    """Everything the methods stand on."""

    chain: ChainReader
    pool: PoolDoor
    node: NodeDoor
    keys: KeyDoor | None = None
    """None: this node holds no keys, and the methods say so."""


class BlockImported(Record):
    """A block was added to the tree, on whatever fork."""

    block_hash: Hash
    parent_hash: Hash
    number: int


class BestChanged(Record):
    """The best chain has a new head. Told after the block's own `BlockImported`."""

    block_hash: Hash
    retracted: tuple[Hash, ...] = ()
    """Blocks that left the best chain, ascending."""

    enacted: tuple[Hash, ...] = ()
    """Blocks that joined it, ascending; the new head is the last."""


class BlocksFinalized(Record):
    """The finalized chain grew. Told after the `BestChanged` it may have caused."""

    finalized: tuple[Hash, ...]
    """Newly final blocks, ascending; the new finalized head is the last."""

    pruned: tuple[Hash, ...] = ()
    """Blocks on forks that can no longer become final."""


ChainEvent = BlockImported | BestChanged | BlocksFinalized
