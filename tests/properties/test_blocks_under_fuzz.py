"""Blocks with mutated bytes, offered to an importer: a typed refusal each time, and no change.

Half of them are sealed again and named rightly by their header, so that they come as far as the
calls of their extrinsics; the rest must be found out earlier.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

import pytest

from gongshe.chain.heads import TreeFull, UnknownParent
from gongshe.chain.importer import AlreadyKnown, FromTheFuture
from gongshe.chain.transition import ExecutionBroken, InvalidBlock
from gongshe.consensus.slots import HeaderRefused
from gongshe.primitives.header import Block, Header
from gongshe.primitives.records import replace
from gongshe.primitives.scale import ScaleError
from gongshe.runtime.pallet import Call
from gongshe.runtime.versions import SHIPPED
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.trie import ordered_root
from tests.chains import ALICE, BOB, DAVE, EVE, SLOT_MS, Drawing, Site, Wish, check_whole, transfer

REFUSALS = (InvalidBlock, UnknownParent, FromTheFuture, AlreadyKnown, TreeFull)
SLOWEST_SECONDS = 1.0
"""Of processor time for one block; the goal is a twentieth, on a machine that does nothing else."""

RULES = SHIPPED[1]


def call(name: str, *arguments: object) -> Call:
    pallet, function = name.split(".")
    return RULES.call(pallet, function, *arguments)


def drawn() -> Drawing:
    nested = call("Utility.batch", tuple(transfer(ALICE, BOB).call for _ in range(4)))
    for _ in range(6):
        nested = call("Utility.batch_all", (nested,))
    return Drawing().draw(
        "0 a1 a2 a3",
        "a1 b2",
        a2=[transfer(ALICE, BOB), transfer(DAVE, EVE, 10**10), Wish(BOB, nested)],
        a3=[Wish(ALICE, call("System.remark", bytes(200))), transfer(DAVE, BOB, tip=5)],
        b2=[Wish(ALICE, call("Sudo.sudo", call("Upgrades.cancel_upgrade")))],
    )


class Counting(MemoryDatabase):
    """Counts its writes."""

    writes = 0

    def write(self, batch: Mapping[bytes, bytes | None]) -> None:
        """Apply the batch."""
        self.writes += 1
        super().write(batch)


class Fuzzer:
    """Mutates blocks and offers them."""

    def __init__(self, seed: int) -> None:
        self.chance, self.drawing = Random(seed), drawn()
        self.blocks = [self.drawing[name] for name in ("a2", "a3", "b2")]
        self.seen: Counter[str] = Counter()
        self.begin()

    def begin(self) -> None:
        """Begin again before a2 and b2."""
        self.database = Counting()
        self.database.write(self.drawing.genesis.founding(256))
        self.site = Site(self.drawing, self.database)
        self.site.take("a1")

    def mutated(self, raw: bytes, others: Sequence[bytes]) -> bytes:
        """Return bytes with up to three things wrong."""
        chance, found = self.chance, bytearray(raw)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(found) + 1)
            to = min(len(found), at + chance.randint(1, 40))
            match chance.randrange(7):
                case 0 if at < len(found):
                    found[at] ^= 1 << chance.randrange(8)
                case 1 if at < len(found):
                    found[at] = chance.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFC, 0xFE, 0xFF))
                case 2:
                    del found[at:to]
                case 3:
                    found[at:at] = chance.randbytes(chance.randint(1, 40))
                case 4:
                    found[at:at] = found[at:to] * chance.randint(1, 20)
                case 5:
                    del found[at:]
                case 6:
                    other = chance.choice(others)
                    found[at:to] = other[at:to]
        return bytes(found)

    def block(self) -> Block | None:
        """Return a mutated block; None if its header is none any more."""
        chance, block = self.chance, self.chance.choice(self.blocks)
        header, body = block.header, list(block.extrinsics)
        everything = [raw for each in self.blocks for raw in each.extrinsics]
        if chance.random() < 0.4:
            headers = [each.header.encode() for each in self.blocks]
            try:
                header = Header.decode(self.mutated(header.encode(), headers))
            except ScaleError:
                self.seen["no header"] += 1
                return None
        for _ in range(chance.randint(0, 2)):
            at = chance.randrange(len(body))
            body[at] = self.mutated(body[at], everything)
        if chance.random() < 0.1:
            chance.shuffle(body)
        if chance.random() < 0.5:
            header = replace(header, extrinsics_root=ordered_root(body))
            try:
                header = self.drawing.seal(header)
            except HeaderRefused:
                self.seen["no slot to seal for"] += 1
        return Block(header, tuple(body))

    def offer(self, block: Block) -> str:
        """Offer a block; return how it was refused, or that it was taken."""
        try:
            self.site.importer.import_block(block, self.drawing.next_slot * SLOT_MS)
        except ExecutionBroken as broken:
            raise AssertionError(broken.trace) from None
        except REFUSALS as refused:
            return f"{type(refused).__name__}: {refused}"
        return "taken"

    def step(self) -> None:
        """Offer one block, twice."""
        block = self.block()
        if block is None:
            return
        writes, before = self.database.writes, time.process_time()
        answer = self.offer(block)
        assert time.process_time() - before < SLOWEST_SECONDS, answer
        if answer == "taken":  # what was wrong with it was put right by the new seal
            check_whole(self.site)
            self.begin()
        else:
            assert self.database.writes == writes
            assert self.offer(block) == answer
        rule = answer.split(": ")
        self.seen[rule[1] if rule[0] == "InvalidBlock" else rule[0]] += 1


def fuzz(seed: int, steps: int) -> Counter[str]:
    fuzzer = Fuzzer(seed)
    for _ in range(steps):
        fuzzer.step()
    check_whole(fuzzer.site)
    return fuzzer.seen


def test_mutated_blocks_are_refused_by_name() -> None:
    seen = fuzz(1, 2_000)
    for reached in ("no header", "header", "ForeignBody", "signature", "state root", "taken"):
        assert seen[reached], seen


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_many_mutated_blocks_are_refused_by_name(seed: int) -> None:
    fuzz(seed, 25_000)
