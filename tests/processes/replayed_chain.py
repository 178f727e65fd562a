"""Make a chain with calls of every kind, or replay one; run in a process of its own.

    python -m tests.processes.replayed_chain make FILE BLOCKS SEED
    python -m tests.processes.replayed_chain replay FILE

Both print a line for each block: its number and state root; and at the end a digest of every byte
in the database. Replaying imports each block as a stranger's, and makes blocks final as it goes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gongshe.chain.author import propose
from gongshe.chain.transition import Verified, sealed_block
from gongshe.primitives.crypto import Scheme, blake2_256
from gongshe.primitives.header import Block, Header
from gongshe.primitives.keys import Keypair
from gongshe.primitives.scale import FixedBytes
from gongshe.primitives.types import (
    Address20,
    Address32,
    AddressId,
    AddressIndex,
    AddressRaw,
)
from gongshe.runtime.pallet import Call, Root, Signed
from gongshe.runtime.pallets.proxy_types import ProxyType
from gongshe.runtime.versions import SHIPPED
from tests.chains import (
    ALICE,
    BOB,
    CHARLIE,
    DAVE,
    ENDOWED,
    SLOT_MS,
    Drawing,
    InOrder,
    Site,
    Wish,
    contents,
    never,
    transfer,
)
from tests.samples import Sampler

RULES = SHIPPED[1]
LAG = 3
"""Blocks between the best and the last final one."""

PER_BLOCK = 12
WITHOUT = ("Upgrades.schedule_upgrade", "Timestamp.set", "Sudo.remove_key", "Sudo.set_key")
"""An upgrade would end the chain, time is told by its author, and Alice shall keep her key."""

NO_ACCOUNTS = (AddressIndex, AddressRaw, Address32, Address20)
"""Ways to name an account that this chain does not take."""

OTHERS = tuple(Keypair.from_uri(f"//Neighbour//{number}", Scheme.SR25519) for number in range(3))
POOR = (BOB, CHARLIE, DAVE)
"""They may lose all they have; Alice, who has the key, gives them more from time to time."""

PEOPLE = [key.public for key in (*ENDOWED, *OTHERS)]


class Neighbours(Sampler):
    """Draws calls about few accounts, small numbers and amounts that somebody has."""

    def _marked(self, base: Any, mark: Any) -> Any:
        if isinstance(mark, FixedBytes) and mark.length == 32 and self.chance.random() < 0.9:
            return self.chance.choice(PEOPLE)
        return super()._marked(base, mark)

    def whole(self, bits: int) -> int:
        """Return a number that is likely to mean something."""
        kind = self.chance.random()
        if kind < 0.4:
            return self.chance.randint(0, 4)
        if kind < 0.8 and bits >= 64:
            return self.chance.randint(10**8, 10**12)
        return super().whole(bits)


def wishes(sampler: Neighbours) -> Iterator[Wish]:
    """Draw what people submit for one block: some of it is Root's, and Alice has the key."""
    chance = sampler.chance
    for person in POOR if chance.random() < 0.3 else ():
        rich = RULES.call("Balances", "force_set_balance", AddressId(person.public), 10**15)
        yield Wish(ALICE, RULES.call("Sudo", "sudo", rich))
    for _ in range(PER_BLOCK):
        call = sampler.call()
        while call.name in WITHOUT or is_system_root(call):
            call = sampler.call()
        if Signed not in call.definition.origins:
            yield Wish(ALICE, RULES.call("Sudo", "sudo", call))
        else:
            yield Wish(chance.choice(POOR), call, tip=chance.choice((0, 0, 1_000)))


def first_wishes() -> Iterator[Wish]:
    """Give everybody something to do: money, assets, delegates, a task for later."""
    for key in OTHERS:
        yield transfer(ALICE, key, 10**12)
    for asset in range(3):
        owner = ENDOWED[asset]
        address = AddressId(owner.public)
        yield Wish(owner, RULES.call("Assets", "create", asset, address, 1))
        for person in PEOPLE:
            yield Wish(owner, RULES.call("Assets", "mint", asset, AddressId(person), 10**13))
    remark = RULES.call("System", "remark_with_event", b"later")
    for delegate in (BOB, CHARLIE):
        address = AddressId(delegate.public)
        yield Wish(ALICE, RULES.call("Proxy", "add_proxy", address, ProxyType.Any, 0))
    scheduled = RULES.call("Scheduler", "schedule_after", 3, (2, 5), 0, remark)
    yield Wish(ALICE, RULES.call("Sudo", "sudo", scheduled))


def is_system_root(call: Call) -> bool:
    """Tell whether a call may write anything anywhere."""
    return call.definition.pallet.name == "System" and Root in call.definition.origins


def make(path: Path, blocks: int, seed: int) -> Site:
    """Author a chain, write its blocks to a file and return who imported them meanwhile."""
    drawing, sampler = Drawing(), Neighbours(RULES, seed, NO_ACCOUNTS)
    site, made = Site(drawing), Counter[str]()
    drawing.blocks["0"] = Block(drawing.genesis.header)
    with path.open("w") as written:
        for number in range(1, blocks + 1):
            asked = list(first_wishes() if number == 1 else wishes(sampler))
            block = authored(drawing, str(number), asked, made)
            written.write(
                " ".join(part.hex() for part in (block.header.encode(), *block.extrinsics))
            )
            written.write("\n")
            take(site, block)
    sys.stderr.write("".join(f"{count:5} {name}\n" for name, count in sorted(made.items())))
    return site


def authored(drawing: Drawing, name: str, asked: list[Wish], made: Counter[str]) -> Block:
    """Author a block from what may be included of all that was asked."""
    parent, slot = str(int(name) - 1), drawing.next_slot
    drawing.next_slot += 1
    ready = InOrder(drawing.signed(parent, asked))
    proposal = propose(
        drawing.store,
        SHIPPED,
        drawing.hash(parent),
        slot,
        slot * SLOT_MS,
        ready,
        Verified(),
        never,
    )
    header = drawing.seal(proposal.header)
    drawing.store.apply(insert=sealed_block(header, slot, proposal.executed))
    extrinsics = proposal.executed.extrinsics
    for extrinsic, applied in zip(extrinsics, proposal.executed.outcome.results, strict=True):
        made[f"{extrinsic.call.name}{'' if applied.failure is None else ' failed'}"] += 1
    block = Block(header, tuple(extrinsic.raw for extrinsic in extrinsics))
    drawing.blocks = {parent: drawing.blocks[parent], name: block}
    final = header.number - LAG
    if final > drawing.store.heads.finalized.number:
        canonical = drawing.store.blocks.canonical(final)
        drawing.store.apply(finalize=canonical)
    return block


def replay(path: Path) -> Site:
    """Import the blocks of a file."""
    site = Site(Drawing())
    with path.open() as lines:
        for line in lines:
            header, *extrinsics = map(bytes.fromhex, line.split())
            take(site, Block(Header.decode(header), tuple(extrinsics)))
    return site


def take(site: Site, block: Block) -> None:
    """Import a block, make an earlier one final, and say where that leads."""
    site.importer.import_block(block, 10**15)
    head = site.store.heads.best
    sys.stdout.write(f"{head.number} {site.store.states.root(head.block_hash).hex()}\n")
    final = site.store.blocks.canonical(max(head.number - LAG, 0))
    assert final is not None
    site.finalizer.finalize(final)


def main(action: str, path: str, blocks: str = "0", seed: str = "0") -> None:
    """Make or replay a chain, then print a digest of all that the database holds."""
    site = make(Path(path), int(blocks), int(seed)) if action == "make" else replay(Path(path))
    found = sorted(contents(site.database).items())
    sys.stdout.write(f"database {blake2_256(repr(found).encode()).hex()}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
