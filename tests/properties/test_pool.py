"""The pool against a list that is searched from end to end each time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gongshe.chain.pool import Pool
from gongshe.chain.pool_records import Future, InBlock, PoolLimits, PoolRefused, Ready, Told
from gongshe.runtime.validity import FOREVER, DecodedExtrinsic, ValidTransaction
from tests.unit.chain.offers import ALICE, BOB, CHARLIE, judged_at, offer

ACCOUNTS = (ALICE, BOB, CHARLIE)
LIMITS = PoolLimits(count=10, per_account=6, future_share=3, size=1 << 30)


@dataclass
class Item:
    """An extrinsic of the plain list."""

    extrinsic: DecodedExtrinsic
    account: bytes
    nonce: int
    priority: int
    dies_at: int
    arrival: int


class PlainPool:
    """The same rules for signed extrinsics, written for reading and not for speed."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.nonces = dict.fromkeys(ACCOUNTS, 0)
        self.arrivals = 0

    def has(self, account: bytes, nonce: int) -> bool:
        return any((each.account, each.nonce) == (account, nonce) for each in self.items)

    def is_ready(self, item: Item) -> bool:
        earlier = range(self.nonces[item.account], item.nonce)
        return all(self.has(item.account, nonce) for nonce in earlier)

    def future(self) -> list[Item]:
        return [item for item in self.items if not self.is_ready(item)]

    def order(self) -> list[bytes]:
        found: list[Item] = []
        left = [item for item in self.items if self.is_ready(item)]
        while left:
            able = [
                item
                for item in left
                if not any(
                    (other.account, other.nonce) == (item.account, item.nonce - 1) for other in left
                )
            ]
            first = min(able, key=lambda item: (-item.priority, item.dies_at, item.arrival))
            left.remove(first)
            found.append(first)
        return [item.extrinsic.hash for item in found]

    def followers(self, item: Item) -> list[Item]:
        """An item and those directly or indirectly behind it, without a gap."""
        found = [item]
        nonce = item.nonce + 1
        while self.has(item.account, nonce):
            found += [e for e in self.items if (e.account, e.nonce) == (item.account, nonce)]
            nonce += 1
        return found

    def submit(self, extrinsic: DecodedExtrinsic, valid: ValidTransaction, best: int) -> bool:
        self.arrivals += 1
        signature = extrinsic.signature
        assert signature is not None
        dies_at = FOREVER if valid.longevity == FOREVER else best + valid.longevity
        new = Item(
            extrinsic,
            signature.signer,
            signature.nonce,
            valid.priority,
            dies_at,
            self.arrivals,
        )
        rivals = [e for e in self.items if (e.account, e.nonce) == (new.account, new.nonce)]
        if rivals and new.priority * 100 < rivals[0].priority * 110:
            return False
        of_account = sum(each.account == new.account for each in self.items)
        if not rivals and of_account >= LIMITS.per_account:
            return False
        victims: list[Item] = []
        if not rivals:
            shares = [(self.items, LIMITS.count)]
            if not self.is_ready(new):
                shares.insert(0, (self.future(), LIMITS.future_count))
            for share, count in shares:
                if len(share) < count or victims:
                    continue
                least = min(share, key=lambda item: (item.priority, -item.arrival))
                if least.priority >= new.priority:
                    return False
                victims = self.followers(least)
                if any((v.account, v.nonce) == (new.account, new.nonce - 1) for v in victims):
                    return False
        self.items = [e for e in self.items if e not in victims and e not in rivals] + [new]
        return True

    def trim(self) -> None:
        while len(self.future()) > LIMITS.future_count:
            least = min(self.future(), key=lambda item: (item.priority, -item.arrival))
            gone = self.followers(least)
            self.items = [item for item in self.items if item not in gone]

    def import_block(self, number: int, included: list[DecodedExtrinsic]) -> None:
        for extrinsic in included:
            signature = extrinsic.signature
            assert signature is not None
            self.nonces[signature.signer] = signature.nonce + 1
            self.items = [
                each
                for each in self.items
                if (each.account, each.nonce) != (signature.signer, signature.nonce)
            ]
        self.items = [each for each in self.items if each.dies_at > number]
        self.trim()


class PoolAgainstList(RuleBasedStateMachine):
    """Submissions, blocks, forks and removals in any order."""

    @initialize()
    def start(self) -> None:
        self.pool, self.plain = Pool(LIMITS), PlainPool()
        self.blocks: list[tuple[bytes, list[DecodedExtrinsic], dict[bytes, int]]] = []
        self.made = 0
        self.standing: dict[bytes, str] = {}

    @rule(
        account=st.sampled_from(ACCOUNTS),
        ahead=st.integers(0, 4),
        tip=st.integers(0, 4),
        longevity=st.sampled_from([2, 5, FOREVER]),
    )
    def submit(self, account: bytes, ahead: int, tip: int, longevity: int) -> None:
        chain_nonce = self.plain.nonces[account]
        self.offer(
            *offer(
                account,
                chain_nonce + ahead,
                tip=tip,
                chain_nonce=chain_nonce,
                longevity=longevity,
            )
        )

    @rule(data=st.data())
    def import_block(self, data: st.DataObject) -> None:
        self.made += 1
        ready = list(self.pool.ready())
        taken = ready[: data.draw(st.integers(0, len(ready)), "taken")]
        foreign = data.draw(st.sampled_from([None, *ACCOUNTS]), "an account's unseen extrinsic")
        if foreign is not None:
            nonce = self.plain.nonces[foreign]
            taken = [e for e in taken if e.signature and e.signature.signer != foreign]
            taken.insert(0, offer(foreign, nonce)[0])
        self.enact(taken)

    @precondition(lambda self: self.blocks)
    @rule(data=st.data())
    def reorganise(self, data: st.DataObject) -> None:
        """The last blocks leave the best chain, as many come, with some of their extrinsics."""
        depth = data.draw(st.integers(1, min(len(self.blocks), 3)), "depth")
        left = [self.blocks.pop() for _ in range(depth)]
        for block_hash, included, nonces in left:
            self.hear(self.pool.retracted(block_hash, included))
            self.plain.nonces = nonces
            self.plain.trim()
        again = [extrinsic for _, included, _ in reversed(left) for extrinsic in included]
        kept = data.draw(st.integers(0, len(again)), "kept")
        self.made += 1
        self.enact(again[:kept])
        for _ in range(depth - 1):
            self.enact([])
        for extrinsic in again[kept:]:
            signature = extrinsic.signature
            assert signature is not None
            self.offer(extrinsic, judged_at(extrinsic, self.plain.nonces[signature.signer]))

    @rule(data=st.data())
    def find_invalid(self, data: st.DataObject) -> None:
        ready = list(self.pool.ready())
        if not ready:
            return
        extrinsic = data.draw(st.sampled_from(ready), "invalid")
        self.hear(self.pool.remove_invalid(extrinsic.hash, "found invalid", 0, ban=False))
        self.plain.items = [e for e in self.plain.items if e.extrinsic is not extrinsic]
        self.plain.trim()

    def enact(self, included: list[DecodedExtrinsic]) -> None:
        self.made += 1
        block_hash = self.made.to_bytes(32, "little")
        self.blocks.append((block_hash, included, dict(self.plain.nonces)))
        number = len(self.blocks)
        self.hear(self.pool.block_imported(block_hash, number, included).told)
        self.plain.import_block(number, included)

    def offer(self, extrinsic: DecodedExtrinsic, valid: ValidTransaction) -> None:
        if self.plain.submit(extrinsic, valid, len(self.blocks)):
            admission = self.pool.submit(extrinsic, valid, len(self.blocks), 0, watched=True)
            self.hear(admission.told)
            return
        with pytest.raises(PoolRefused) as refused:
            self.pool.submit(extrinsic, valid, len(self.blocks), 0, watched=True)
        assert refused.value.expected
        assert refused.value.hint
        self.hear(self.pool.give_up(extrinsic.hash, "refused"))

    def hear(self, told: tuple[Told, ...]) -> None:
        for each in told:
            self.standing[each.extrinsic_hash] = type(each.status).__name__

    @invariant()
    def agree(self) -> None:
        assert [each.hash for each in self.pool.ready()] == self.plain.order()
        assert self.pool.future_count == len(self.plain.future())
        assert self.pool.size == sum(len(each.extrinsic.raw) for each in self.plain.items)
        for account, nonce in self.plain.nonces.items():
            following = nonce
            while self.plain.has(account, following):
                following += 1
            assert self.pool.next_index(account, nonce) == following

    @invariant()
    def watchers_know_who_is_here(self) -> None:
        ready = {each.hash for each in self.pool.ready()}
        future = {each.extrinsic.hash for each in self.plain.future()}
        names = (Ready.__name__, Future.__name__)
        said = {hash_ for hash_, name in self.standing.items() if name == names[0]}
        waiting = {hash_ for hash_, name in self.standing.items() if name == names[1]}
        assert (said, waiting) == (ready, future)
        included = {each.hash for _, block, _ in self.blocks for each in block}
        in_block = {h for h, name in self.standing.items() if name == InBlock.__name__}
        assert in_block <= included


TestPoolAgainstList = PoolAgainstList.TestCase
TestPoolAgainstList.settings = settings(stateful_step_count=40)
