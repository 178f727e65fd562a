"""Chains under chance: forks, transfers, finality and restarts against a naive model.

The model replays a chain's transfers over a dictionary of balances. After every step hold S1 to S4
of the design: nothing final is contradicted or taken back, states are what replaying gives, and
all balances together are the issuance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gongshe.chain.finalizer import NotADescendant
from gongshe.chain.heads import UnknownParent
from gongshe.chain.importer import AlreadyKnown
from gongshe.primitives.crypto import twox_128
from gongshe.runtime.executive import Runtime
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.balances_types import EXISTENTIAL_DEPOSIT
from gongshe.runtime.pallets.system import System
from gongshe.runtime.pallets.transaction_payment import TREASURY, TransactionFeePaid
from gongshe.runtime.versions import SHIPPED
from tests.chains import (
    ALICE,
    BOB,
    CHARLIE,
    DAVE,
    ENDOWED,
    ENDOWMENT,
    EVE,
    Drawing,
    Site,
    Wish,
    check_whole,
    contents,
    transfer,
)

ACCOUNTS = (ALICE, BOB, CHARLIE, DAVE, EVE)
RULES = SHIPPED[1]
EVENTS = twox_128(b"System") + twox_128(b"Events")


@dataclass
class Expected:
    """What the model knows of the state after a block: free balances and nonces."""

    free: dict[bytes, int]
    nonces: dict[bytes, int]


def expect_genesis() -> Expected:
    free = {key.public: ENDOWMENT for key in ENDOWED} | {EVE.public: 0, TREASURY: 0}
    return Expected(free, dict.fromkeys(free, 0))


class Chains(RuleBasedStateMachine):
    """One node hears of a tree of blocks that others draw, in any order they allow."""

    @initialize()
    def found(self) -> None:
        """Begin at genesis."""
        self.drawing = Drawing()
        self.site = Site(self.drawing)
        self.expected = {"0": expect_genesis()}
        self.once_final = ["0"]

    # -------------------------------------------------------------------------- the world

    @rule(
        pick=st.integers(0, 9),
        moves=st.lists(
            st.tuples(
                st.sampled_from(ENDOWED),
                st.sampled_from(ACCOUNTS),
                st.integers(10**7, 10**12),
                st.integers(0, 10**6),
            ),
            max_size=3,
        ),
        skip=st.sampled_from([0, 0, 1, 5]),
        length=st.integers(1, 4),
    )
    def draw(self, pick: int, moves: list[tuple[Any, ...]], skip: int, length: int) -> None:
        """Somebody authors blocks on one of the latest ten, the first one with these transfers."""
        names = list(self.drawing.blocks)
        parent = names[-1 - pick % min(len(names), 10)]
        wishes = [transfer(sender, to, amount, tip=tip) for sender, to, amount, tip in moves]
        self.drawing.next_slot += skip
        for _ in range(length):
            name = f"{len(self.drawing.blocks)}"
            self.drawing.block(name, parent, wishes)
            self.expected[name] = self.replayed(parent, name, wishes)
            parent, wishes = name, []

    def replayed(self, parent: str, name: str, wishes: list[Wish]) -> Expected:
        """The model's own execution; only what fees are it reads from the block's events."""
        before = self.expected[parent]
        free, nonces = dict(before.free), dict(before.nonces)
        view = self.drawing.store.states.at(self.drawing.hash(name))
        records = RULES.decode_events(view.get(EVENTS) or b"\x00")
        fees = [each.event for each in records if isinstance(each.event, TransactionFeePaid)]
        assert [fee.who for fee in fees] == [wish.sender.public for wish in wishes]
        for wish, fee in zip(wishes, fees, strict=True):
            sender = wish.sender.public
            nonces[sender] += 1
            free[sender] -= fee.actual_fee
            target, amount = wish.call.arguments[0].account, wish.call.arguments[1]
            if free[target] + amount >= EXISTENTIAL_DEPOSIT:
                free[sender] -= amount
                free[target] += amount
        paid = free[TREASURY] + sum(fee.actual_fee for fee in fees)
        free[TREASURY] = paid if paid >= EXISTENTIAL_DEPOSIT else 0  # less opens no account
        return Expected(free, nonces)

    # --------------------------------------------------------------------------- the node

    @rule(pick=st.integers(0, 30))
    def hear(self, pick: int) -> None:
        """The node hears of a block, the latest more often than old ones."""
        names = list(self.drawing.blocks)
        name = names[-1 - pick % len(names)]
        before = self.site.contents()
        try:
            self.site.take(name)
        except (UnknownParent, AlreadyKnown):
            assert self.site.contents() == before

    @rule(pick=st.integers(0, 30))
    def follow(self, pick: int) -> None:
        """The node hears of a fork from its beginning."""
        names = list(self.drawing.blocks)
        name = names[-1 - pick % len(names)]
        for number in range(1, self.drawing[name].header.number + 1):
            try:
                self.site.take(self.drawing.name(self.drawing.ancestor(name, number)))
            except AlreadyKnown:
                continue
            except UnknownParent:
                return

    @rule()
    def catch_up(self) -> None:
        """The node hears of everything, oldest first."""
        for name in self.drawing.blocks:
            try:
                self.site.take(name)
            except (UnknownParent, AlreadyKnown):
                continue

    @rule(pick=st.integers(0, 30))
    def finalize(self, pick: int) -> None:
        """Any block may be said to be final; the node agrees only where it must."""
        names = list(self.drawing.blocks)
        name = names[-1 - pick % len(names)]
        before, final = self.site.contents(), self.site.final
        try:
            applied = self.site.finalize(name)
        except NotADescendant:
            assert self.site.contents() == before
            assert not self.descends(name, final) or name not in self.site.waiting
            return
        if applied is None:
            assert name in self.once_final
            assert self.site.contents() == before
        else:
            self.once_final += self.drawing.names(applied.finalized)

    @rule()
    def restart(self) -> None:
        """The process ends and another opens the same bytes."""
        database = self.drawing.founded()
        found = contents(self.site.database)
        database.write({key: found.get(key) for key in {*contents(database), *found}})
        self.site = Site(self.drawing, database)

    @precondition(lambda self: self.site.best != "0")
    @rule()
    def replay(self) -> None:
        """Another node that hears of this one's best chain alone reaches the same state."""
        other = Site(self.drawing)
        other.take(*self.site.canonical[1:])
        head = self.site.store.heads.best
        assert other.store.states.root(head.block_hash) == self.site.store.states.root(
            head.block_hash
        )
        for name in self.once_final[1:]:
            other.finalize(name)
        assert other.final == self.site.final
        assert dict(other.store.states.at(head.block_hash).pairs(b"")) == dict(
            self.site.store.states.at(head.block_hash).pairs(b"")
        )

    def descends(self, name: str, ancestor: str) -> bool:
        number = self.drawing[ancestor].header.number
        return self.drawing.ancestor(name, number) == self.drawing.hash(ancestor)

    # ------------------------------------------------------------------- what always holds

    @invariant()
    def everything_belongs_together(self) -> None:
        """Memory, bytes and a restart agree."""
        check_whole(self.site)

    @invariant()
    def finality_neither_moves_back_nor_contradicts_itself(self) -> None:
        """S1, S2."""
        assert self.site.final == self.once_final[-1]
        assert self.site.canonical[: len(self.once_final)] == self.once_final
        for name in self.site.waiting:
            assert self.descends(name, self.site.final)

    @invariant()
    def the_best_chain_is_the_longest_then_the_earliest(self) -> None:
        """Of all blocks that are kept."""
        slots = {name: place for place, name in enumerate(self.drawing.blocks)}
        kept = [self.site.final, *self.site.waiting]
        best = min(kept, key=lambda name: (-self.drawing[name].header.number, slots[name]))
        assert self.site.best == best

    @invariant()
    def states_are_what_the_model_says(self) -> None:
        """S3, S4, on every block that is kept, and on old final ones."""
        for name in {self.site.final, *self.site.waiting, *self.once_final[-3:]}:
            view = self.site.store.states.at(self.drawing.hash(name))
            runtime = Runtime(RULES, Overlay(view))
            runtime.check_invariants()
            expected = self.expected[name]
            account = runtime.pallet(System).account
            assert {who: account[who].data.free for who in expected.free} == expected.free
            assert {who: account[who].nonce for who in expected.nonces} == expected.nonces
            issued = runtime.pallet(Balances).total_issuance.value
            assert sum(expected.free.values()) == issued


TestChains = Chains.TestCase
TestChains.settings = settings(
    max_examples=settings().max_examples // 2,  # a step looks at every kept state
    stateful_step_count=25,
)
