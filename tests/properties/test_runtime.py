"""Random calls of all pallets: invariants hold after every block, and no unit is lost.

The executive and all pallets run as they do on the chain, block by block. Transfers are also
foretold by a few lines of plain Python; every failed call must change its sender's fee and
nonce alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from gongshe.runtime.pallets.assets import Assets
from gongshe.runtime.pallets.assets_types import (
    CONSUMERS_FOR_ASSETS,
    AccountStatus,
    AssetStatus,
)
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.balances_types import EXISTENTIAL_DEPOSIT
from gongshe.runtime.pallets.balances_words import Burned, BurnedHeld, DustLost, Minted
from gongshe.runtime.pallets.transaction_payment import TREASURY
from tests.likely_calls import ASSETS, PEOPLE, SHARED, LikelyCalls, assets_and_others
from tests.runtime_chain import ALICE, ENDOWMENT, Block, Chain

REPOSITORY = Path(__file__).parents[2]

GENESIS = {
    "Assets": {
        "assets": [[1, ALICE, True, 1], [2, ALICE, False, 10]],
        "accounts": [[1, ALICE, 1_000_000], [2, ALICE, 1_000_000]],
    }
}


class RuntimeMachine(RuleBasedStateMachine):
    """A chain under random calls, beside a ledger of issuance."""

    chain: Chain
    issuance: int

    @initialize()
    def begin(self) -> None:
        self.chain = Chain(GENESIS)
        self.issuance = self.chain.pallet(Balances).total_issuance.value

    @rule(chance=st.randoms(use_true_random=False), count=st.integers(0, 5))
    def several_calls(self, chance: Random, count: int) -> None:
        calls = LikelyCalls(self.chain, chance)
        extrinsics = [calls.extrinsic() for _ in range(count)]
        self.account_for(self.chain.block_of_fitting(*extrinsics))

    @rule(chance=st.randoms(use_true_random=False))
    def one_call(self, chance: Random) -> None:
        """A call alone in its block: if it fails, it changes its sender alone."""
        calls = LikelyCalls(self.chain, chance)
        extrinsic, before = calls.extrinsic(), self.chain.state
        block = self.chain.block_of_fitting(extrinsic)
        self.account_for(block)
        if not any(block.failures) or block.started_with_tasks:
            return
        assert extrinsic.signature is not None
        signer, name = extrinsic.signature.signer, extrinsic.call.name
        spared = {self.chain.system.account.key(each) for each in (signer, TREASURY)}
        changed = self.chain.changed_since(before) - spared
        assert not changed, f"{name} failed and changed {[key.hex() for key in changed]}"

    @rule(
        chance=st.randoms(use_true_random=False),
        sender=st.sampled_from(PEOPLE),
        receiver=st.sampled_from((*PEOPLE, *SHARED)),
        keep_alive=st.booleans(),
    )
    def native_transfer(
        self, chance: Random, sender: bytes, receiver: bytes, keep_alive: bool
    ) -> None:
        """A transfer ends as a few lines of arithmetic foretell."""
        self.finish_tasks()
        amount = LikelyCalls(self.chain, chance).amount()
        source, target = self.chain.account(sender), self.chain.account(receiver)
        if source.data.free < 2 * EXISTENTIAL_DEPOSIT * 1_000:
            return
        name = "Balances.transfer_keep_alive" if keep_alive else "Balances.transfer_allow_death"
        block = self.chain.block(self.chain.signed(sender, name, receiver, amount))
        self.account_for(block)
        free = source.data.free - block.results[0].fee
        must_stay = keep_alive or source.consumers > 0
        enough = amount <= (max(free - EXISTENTIAL_DEPOSIT, 0) if must_stay else free)
        exists = sender == receiver or target.providers
        opens = exists or not amount or amount >= EXISTENTIAL_DEPOSIT
        assert (block.failures == [""]) == bool(enough and opens)
        if not (enough and opens) or sender == receiver:
            assert self.chain.free(sender) == free
            return
        left = free - amount
        gone = left < EXISTENTIAL_DEPOSIT and not source.consumers
        assert self.chain.free(sender) == (0 if gone else left)
        assert self.chain.free(receiver) == target.data.free + amount

    @rule(
        chance=st.randoms(use_true_random=False),
        asset=st.sampled_from(ASSETS),
        sender=st.sampled_from(PEOPLE),
        receiver=st.sampled_from((*PEOPLE, *SHARED)),
    )
    def asset_transfer(self, chance: Random, asset: int, sender: bytes, receiver: bytes) -> None:
        """So does a transfer of an asset that nobody has frozen."""
        self.finish_tasks()
        assets = self.chain.pallet(Assets)
        details, target = assets.asset.get(asset), assets.account.get((asset, receiver))
        source = assets.account.get((asset, sender))
        native = self.chain.account(receiver)
        if self.chain.free(sender) < ENDOWMENT // 1_000 or details is None or source is None:
            return
        if details.status is not AssetStatus.Live or source.status is not AccountStatus.Liquid:
            return
        if target is not None and target.status is AccountStatus.Blocked:
            return
        amount = LikelyCalls(self.chain, chance).few()
        block = self.chain.block(
            self.chain.signed(sender, "Assets.transfer", asset, receiver, amount)
        )
        self.account_for(block)
        left = source.balance - amount
        moved = source.balance if amount and left < details.min_balance else amount
        room = native.providers and native.consumers < CONSUMERS_FOR_ASSETS
        opens = target or (moved >= details.min_balance and (details.is_sufficient or room))
        succeeds = not amount or (left >= 0 and bool(opens))
        assert (block.failures == [""]) == succeeds
        if succeeds and sender != receiver:
            before = target.balance if target else 0
            assets = self.chain.pallet(Assets)
            assert assets.balance(asset, sender) == source.balance - moved
            assert assets.balance(asset, receiver) == before + moved

    def finish_tasks(self) -> None:
        """Nothing else may happen in a block that is foretold: let scheduled calls come first."""
        for _ in range(200):
            if not self.chain.has_tasks:
                return
            self.account_for(self.chain.block())
        raise AssertionError("tasks without end")

    def account_for(self, block: Block) -> None:
        """Issuance changes by what events say, to the unit; invariants were checked already."""
        gained = sum(each.amount for each in block.events(Minted))
        burned = sum(each.amount for each in block.events(Burned))
        slashed = sum(each.amount for each in block.events(BurnedHeld))
        dust = sum(each.amount for each in block.events(DustLost))
        issuance = self.chain.pallet(Balances).total_issuance.value
        assert issuance == self.issuance + gained - burned - slashed - dust
        self.issuance = issuance


def test_random_calls_keep_every_invariant() -> None:
    run_state_machine_as_test(
        RuntimeMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_many_random_calls_keep_every_invariant() -> None:
    run_state_machine_as_test(
        RuntimeMachine,
        settings=settings(
            max_examples=250,
            stateful_step_count=75,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


# --------------------------------------------------------------------------- determinism


def replayed(blocks: int) -> tuple[Chain, Counter[str]]:
    """Execute blocks of calls by chance, the same ones every time; count what became of them."""
    chain, chance = Chain(GENESIS), Random(20_261_122)
    calls, endings = LikelyCalls(chain, chance), Counter[str]()
    for _ in range(blocks):
        block = chain.block_of_fitting(*[calls.extrinsic() for _ in range(4)])
        endings.update(block.failures)
    return chain, endings


def test_calls_by_chance_reach_all_corners() -> None:
    """They would prove little if they all failed alike."""
    chain, endings = replayed(150)
    assert endings[""] > sum(endings.values()) // 4
    assert len(endings) > 20
    assert all(assets_and_others(chain)[:2])


def test_two_hash_seeds_give_the_same_changes() -> None:
    """Each in a process of its own: nothing may depend on the order of a set."""
    found = [
        subprocess.run(
            [sys.executable, "-m", "tests.properties.test_runtime"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "22")
    ]
    assert found[0] == found[1]
    assert len(found[0].split()) == 60


if __name__ == "__main__":
    sys.stdout.write("\n".join(digest.hex() for digest in replayed(60)[0].digests))
