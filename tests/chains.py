"""A drawing language for chains: blocks by any authority, on any parent, in any slot.

    drawing = Drawing()
    drawing.draw("0 a1 a2 a3", "a1 b2")          # b2 is a sibling of a2
    site = Site(drawing)
    site.take("a1", "a2", "b2")
    assert site.best == "a2"

A drawing builds its blocks with the node's own author, on a store of its own in which nothing is
ever final. A site is one node's chain, which is fed with drawn blocks. Both speak of blocks by the
names they have in the drawing; `0` is genesis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from gongshe.chain.author import propose
from gongshe.chain.finalizer import Finalizer
from gongshe.chain.importer import Importer
from gongshe.chain.pool_entries import ReadyOrder
from gongshe.chain.signatures import InlineVerifier, SignatureJob, SignatureVerifier, Ticket
from gongshe.chain.store import Applied, ChainStore
from gongshe.chain.transition import Assemblies, Verified, sealed_block
from gongshe.consensus.slots import claimed_slot, seal_message
from gongshe.genesis.build import build
from gongshe.genesis.spec import ChainSpec
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.extrinsic import (
    MortalEra,
    encode_extra,
    encode_signed,
    implied_data,
    signing_payload,
)
from gongshe.primitives.header import AURA, Block, Header, Seal
from gongshe.primitives.keys import Keypair
from gongshe.primitives.types import AddressId
from gongshe.runtime.executive import Runtime, assembly_for
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.pallet import Call
from gongshe.runtime.pallets.system import System
from gongshe.runtime.validity import DecodedExtrinsic, decode
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.database import Database
from gongshe.storage.keyspace import BODY, CANONICAL, HEADER, LAYER, number_key
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.trie import trie_root

SLOT_MS = 1_000
FIRST_SLOT = 1_700_000_000
"""The slot of the first block drawn; each further one takes the next unless it says `a2@+5`."""

ALICE, BOB, CHARLIE = (
    Keypair.from_uri(f"//{name}", Scheme.SR25519) for name in ("Alice", "Bob", "Charlie")
)
DAVE = Keypair.from_uri("//Dave", Scheme.ED25519)
EVE = Keypair.from_uri("//Eve", Scheme.SR25519)
"""Owns nothing."""

SCHEDULE = (ALICE, BOB, ALICE, CHARLIE)
"""Whose the slots are, in turn: an entry may repeat."""

ENDOWED = (ALICE, BOB, CHARLIE, DAVE)
ENDOWMENT = 10**15


@dataclass(frozen=True)
class Wish:
    """An extrinsic to be signed for the block it goes into."""

    sender: Keypair
    call: Call
    nonce: int | None = None
    """The sender's next one on that fork if not given."""
    tip: int = 0
    era: MortalEra | None = None
    wrapped: bool = False
    """Signed the way wallets sign plain text, which this chain does not accept."""


def transfer(
    sender: Keypair,
    to: Keypair,
    amount: int = 10**9,
    *,
    nonce: int | None = None,
    tip: int = 0,
    era: MortalEra | None = None,
) -> Wish:
    """Wish for a transfer."""
    call = SHIPPED[1].call("Balances", "transfer_keep_alive", AddressId(to.public), amount)
    return Wish(sender, call, nonce, tip, era)


class Drawing:
    """Named blocks, all valid, on as many forks as were drawn."""

    def __init__(
        self, assemblies: Assemblies = SHIPPED, schedule: Sequence[Keypair] = SCHEDULE
    ) -> None:
        self.assemblies, self.schedule = assemblies, schedule
        patch = {
            "aura": {
                "authorities": [key.address() for key in schedule],
                "slotDuration": SLOT_MS,
            },
            "balances": {"balances": [[key.address(), ENDOWMENT] for key in ENDOWED]},
            "sudo": {"key": ALICE.address()},
        }
        first = assemblies[min(assemblies)]
        self.genesis = build(ChainSpec("Drawn", "drawn", "Local", {}, patch), first)
        self.store = ChainStore.open(self.founded())
        self.blocks = {"0": Block(self.genesis.header)}
        self.next_slot = FIRST_SLOT

    def founded(self, retained: int = 256) -> MemoryDatabase:
        """Return a new database that holds this chain's genesis."""
        database = MemoryDatabase()
        database.write(self.genesis.founding(retained))
        return database

    def __getitem__(self, name: str) -> Block:
        return self.blocks[name]

    def hash(self, name: str) -> bytes:
        """Return the hash of a block."""
        return self.blocks[name].header.hash

    def name(self, block_hash: bytes) -> str:
        """Return the name of a block by its hash."""
        for name, block in self.blocks.items():
            if block.header.hash == block_hash:
                return name
        raise LookupError(f"no block drawn here: 0x{block_hash.hex()}")

    def names(self, block_hashes: Sequence[bytes]) -> list[str]:
        """Return the names of blocks."""
        return [self.name(block_hash) for block_hash in block_hashes]

    def draw(self, *lines: str, **wishes: Sequence[Wish | bytes]) -> Self:
        """Draw chains of blocks: each line names a parent and then its descendants.

        `a2@+5` leaves five slots out before a2. Keyword arguments say what blocks contain.
        """
        for line in lines:
            parent, *children = line.split()
            for child in children:
                name, _, skipped = child.partition("@+")
                self.block(name, parent, wishes.get(name, ()), self.next_slot + int(skipped or 0))
                parent = name
        return self

    def block(
        self, name: str, parent: str, wishes: Sequence[Wish | bytes] = (), slot: int | None = None
    ) -> Block:
        """Author a block on a drawn one: a valid one, if signatures given as bytes hold."""
        slot = self.next_slot if slot is None else slot
        self.next_slot = max(self.next_slot, slot + 1)
        parent_hash = self.hash(parent)
        ready = InOrder(self.signed(parent, wishes))
        proposal = propose(
            self.store, self.assemblies, parent_hash, slot, slot * SLOT_MS, ready, Verified(), never
        )
        if proposal.dropped or ready.left:
            raise AssertionError(f"{name} cannot hold what it should: {proposal.dropped}")
        header = self.seal(proposal.header)
        self.store.apply(insert=sealed_block(header, slot, proposal.executed))
        self.blocks[name] = block_of(header, proposal.executed.extrinsics)
        return self.blocks[name]

    def seal(self, header: Header) -> Header:
        """Return a header, sealed by whoever leads the slot that it claims."""
        key = self.schedule[claimed_slot(header) % len(self.schedule)]
        return sealed_by(key, header)

    def runtime(self, name: str) -> Runtime:
        """Return the runtime of a block's children over the block's state."""
        head = self.store.heads.head(self.hash(name))
        state = self.store.states.at(head.block_hash)
        return Runtime(assembly_for(self.assemblies, state, head.number + 1), Overlay(state))

    def signed(self, parent: str, wishes: Sequence[Wish | bytes]) -> list[DecodedExtrinsic]:
        """Sign extrinsics for a child of a block, nonces counted on from its state."""
        runtime = self.runtime(parent)
        nonces: dict[bytes, int] = {}
        found = []
        for wish in wishes:
            if isinstance(wish, bytes):
                found.append(decode(runtime.assembly, wish))
                continue
            who = wish.sender.public
            nonce = wish.nonce
            if nonce is None:
                nonce = nonces.get(who, runtime.pallet(System).account[who].nonce)
            nonces[who] = nonce + 1
            found.append(decode(runtime.assembly, self.sign(parent, wish, nonce)))
        return found

    def sign(self, parent: str, wish: Wish, nonce: int) -> bytes:
        """Return the bytes of an extrinsic that may follow a block."""
        runtime = self.runtime(parent)
        version = runtime.assembly.version
        birth_hash = self.genesis.block_hash
        if wish.era is not None:
            birth_hash = self.ancestor(parent, wish.era.birth(self[parent].header.number + 1))
        call = runtime.encode_call(wish.call)
        extra = encode_extra(wish.era, nonce, wish.tip)
        implied = implied_data(
            version.spec_version,
            version.transaction_version,
            self.genesis.block_hash,
            birth_hash,
        )
        message = signing_payload(call, extra, implied)
        if wish.wrapped:
            message = b"<Bytes>" + message + b"</Bytes>"
        sender = wish.sender
        return encode_signed(sender.public, sender.scheme, sender.sign(message), extra, call)

    def ancestor(self, name: str, number: int) -> bytes:
        """Return the hash at a height of the chain that ends in a block."""
        header = self[name].header
        while header.number > number:
            header = self[self.name(header.parent_hash)].header
        return header.hash


class Site:
    """One node's chain, fed with drawn blocks; whatever is asked is answered in their names."""

    def __init__(
        self,
        drawing: Drawing,
        database: Database | None = None,
        verifier: SignatureVerifier | None = None,
    ) -> None:
        self.drawing = drawing
        self.database = drawing.founded() if database is None else database
        self.store = ChainStore.open(self.database)
        self.verified = Verified()
        self.importer = Importer(
            self.store, drawing.assemblies, verifier or InlineVerifier(), self.verified
        )
        self.finalizer = Finalizer(self.store, self.verified)

    def take(self, *names: str, final: bool = False) -> Applied:
        """Import drawn blocks; return what the last one changed."""
        for name in names:
            applied = self.offer(self.drawing[name], final=final)
        return applied

    def offer(self, block: Block, *, final: bool = False) -> Applied:
        """Import a block when all drawn slots have begun."""
        now_ms = self.drawing.next_slot * SLOT_MS
        return self.importer.import_block(block, now_ms, final=final)[0]

    def finalize(self, name: str) -> Applied | None:
        """Make a block final."""
        return self.finalizer.finalize(self.drawing.hash(name))

    def reopened(self) -> Site:
        """Return what a restart would find."""
        return Site(self.drawing, self.database)

    @property
    def best(self) -> str:
        """The best block."""
        return self.drawing.name(self.store.heads.best.block_hash)

    @property
    def final(self) -> str:
        """The last final block."""
        return self.drawing.name(self.store.heads.finalized.block_hash)

    @property
    def waiting(self) -> list[str]:
        """The blocks that are not final yet."""
        return self.drawing.names([head.block_hash for head in self.store.heads.unfinalized()])

    @property
    def canonical(self) -> list[str]:
        """The best chain by the number index."""
        found: list[bytes] = []
        while (block_hash := self.store.blocks.canonical(len(found))) is not None:
            found.append(block_hash)
        return self.drawing.names(found)

    def contents(self) -> dict[bytes, bytes]:
        """Return every byte of the database."""
        return contents(self.database)

    def free(self, name: str, who: Keypair) -> int:
        """Return an account's free balance after a block."""
        view = self.store.states.at(self.drawing.hash(name))
        runtime = Runtime(next(iter(self.drawing.assemblies.values())), Overlay(view))
        return runtime.pallet(System).account[who.public].data.free


class InOrder(ReadyOrder):
    """Extrinsics for an author, just as they are given."""

    __slots__ = ("_given", "left")

    def __init__(self, given: Sequence[DecodedExtrinsic]) -> None:
        super().__init__({}, {})
        self._given = iter(given)
        self.left = 0

    def __next__(self) -> DecodedExtrinsic:
        return next(self._given)

    def leave_out(self) -> None:
        """Count what did not enter."""
        self.left += 1


class CountingVerifier:
    """Checks signatures here and counts how many it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def submit(self, jobs: Sequence[SignatureJob]) -> Ticket:
        """Check a batch."""
        self.asked += len(jobs)
        return InlineVerifier().submit(jobs)


def never() -> bool:
    """Say that there is time."""
    return False


def contents(database: Database) -> dict[bytes, bytes]:
    """Return every byte of a database."""
    return dict(database.scan(b"", None))


def time_of(block: Block) -> int:
    """Return the beginning of the slot that a block claims, in milliseconds."""
    return claimed_slot(block.header) * SLOT_MS


def sealed_by(key: Keypair, header: Header) -> Header:
    """Return a header under somebody's seal, its former one taken off."""
    unsealed, _ = header.unsealed()
    return unsealed.sealed(Seal(AURA, key.sign(seal_message(unsealed))))


def block_of(header: Header, extrinsics: Sequence[DecodedExtrinsic]) -> Block:
    """Return the block as it is sent."""
    return Block(header, tuple(extrinsic.raw for extrinsic in extrinsics))


def check_whole(site: Site) -> None:
    """Demand that everything a chain keeps belongs together, in memory and on the disk.

    A restart finds the same; each state leads to its header's root; no block is a stray.
    """
    check_blocks(site.store, site.contents())
    again = ChainStore.open(site.database)
    assert facts(again) == facts(site.store)


def facts(store: ChainStore) -> dict[str, object]:
    """Return all that must be equal after a restart."""
    heads, states = store.heads, store.states
    kept = [heads.finalized, *heads.unfinalized()]
    return {
        "best": heads.best,
        "finalized": heads.finalized,
        "heads": kept,
        "status": states.status,
        "layers": states.unfinalized(),
        "roots": [states.root(head.block_hash) for head in kept],
        "states": [dict(states.at(head.block_hash).pairs(b"")) for head in kept],
    }


def check_blocks(store: ChainStore, found: Mapping[bytes, bytes]) -> None:
    """Demand that pointers, headers, leaves and roots agree."""
    heads, blocks, states = store.heads, store.blocks, store.states
    tree = {head.block_hash: head for head in [heads.finalized, *heads.unfinalized()]}
    assert blocks.best() == (heads.best.number, heads.best.block_hash)
    assert blocks.finalized() == (heads.finalized.number, heads.finalized.block_hash)
    canonical = list(best_chain(store))
    assert [key[1:] for key in found if key[:1] == CANONICAL] == [
        number_key(number) for number in range(len(canonical))
    ]
    assert canonical[heads.finalized.number] == heads.finalized.block_hash
    known = {key[1:] for key in found if key[:1] == HEADER}
    assert known == tree.keys() | set(canonical[: heads.finalized.number])
    assert {key[1:] for key in found if key[:1] == BODY} == known
    assert {key[1:] for key in found if key[:1] == LAYER} == tree.keys() - {
        heads.finalized.block_hash
    }
    parents = {head.parent for head in tree.values()}
    assert {tip.block_hash for tip in blocks.leaves()} == tree.keys() - parents
    for block_hash, head in tree.items():
        header = store.header(block_hash)
        assert header is not None
        assert (header.number, header.parent_hash) == (head.number, head.parent)
        view = states.at(block_hash)
        assert trie_root(view.pairs(b"")) == states.root(block_hash) == header.state_root


def best_chain(store: ChainStore) -> Iterator[bytes]:
    """Yield the best chain by its number index, each block the parent of the next."""
    parent = bytes(32)
    for number in range(store.heads.best.number + 1):
        block_hash = store.blocks.canonical(number)
        assert block_hash is not None
        header = store.header(block_hash)
        assert header is not None
        assert header.number == number
        assert header.parent_hash == parent
        parent = block_hash
        yield block_hash
