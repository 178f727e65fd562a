"""Assets: amounts, teams, approvals and deposits, from creation to destruction."""

from __future__ import annotations

from typing import Any

import pytest

from gongshe.primitives.types import UNIT
from gongshe.runtime.pallets.assets import Assets
from gongshe.runtime.pallets.assets_types import (
    APPROVAL_DEPOSIT,
    ASSET_ACCOUNT_DEPOSIT,
    ASSET_DEPOSIT,
    CONSUMERS_FOR_ASSETS,
    MAX_BALANCE,
    METADATA_DEPOSIT_BASE,
    METADATA_DEPOSIT_PER_BYTE,
    REMOVE_ITEMS_LIMIT,
    SETTLEMENT_ASSET,
    AssetStatus,
)
from gongshe.runtime.pallets.assets_words import (
    AccountsDestroyed,
    Burned,
    Created,
    Destroyed,
    Issued,
    MetadataSet,
    Touched,
    Transferred,
    TransferredApproved,
)
from tests.runtime_chain import ALICE, BOB, CHARLIE, DAVE, ENDOWMENT, ERIN, Chain

POINTS = 7
"""An asset that anybody may create: ALICE owns it, ten is its minimum balance."""

MONEY = SETTLEMENT_ASSET


@pytest.fixture
def chain() -> Chain:
    chain = Chain(
        {
            "Assets": {
                "assets": [[MONEY, DAVE, True, 1]],
                "metadata": [[MONEY, "Settlement", "CNY", 2]],
                "accounts": [[MONEY, ALICE, 1_000_00]],
            }
        }
    )
    chain.succeeds(ALICE, "Assets.create", POINTS, ALICE, 10)
    chain.succeeds(ALICE, "Assets.mint", POINTS, BOB, 100)
    return chain


def balance(chain: Chain, asset_id: int, account: bytes) -> int:
    return chain.pallet(Assets).balance(asset_id, account)


def supply(chain: Chain, asset_id: int) -> int:
    return chain.pallet(Assets).asset[asset_id].supply


# ------------------------------------------------------------------ the settlement asset


def test_the_settlement_asset_is_there_from_the_first_block(chain: Chain) -> None:
    details = chain.pallet(Assets).asset[MONEY]
    metadata = chain.pallet(Assets).metadata[MONEY]
    assert (details.is_sufficient, details.supply, details.deposit) == (True, 1_000_00, 0)
    assert (metadata.name, metadata.symbol, metadata.decimals) == (b"Settlement", b"CNY", 2)


def test_a_sufficient_asset_lets_an_account_exist_without_native_tokens(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.transfer", MONEY, ERIN, 5_00)
    assert chain.account(ERIN).sufficients == 1
    assert chain.system.is_alive(ERIN)
    chain.succeeds(DAVE, "Assets.burn", MONEY, ERIN, 5_00)
    assert not chain.system.is_alive(ERIN)
    assert ERIN not in chain.system.account


# ----------------------------------------------------------------------------- transfers


def test_a_transfer_moves_an_amount(chain: Chain) -> None:
    block = chain.succeeds(BOB, "Assets.transfer", POINTS, CHARLIE, 30)
    assert block.event(Transferred) == Transferred(POINTS, BOB, CHARLIE, 30)
    assert (balance(chain, POINTS, BOB), balance(chain, POINTS, CHARLIE)) == (70, 30)
    assert chain.account(CHARLIE).consumers == 1


def test_what_would_be_left_below_the_minimum_goes_along(chain: Chain) -> None:
    block = chain.succeeds(BOB, "Assets.transfer", POINTS, CHARLIE, 91)
    assert block.event(Transferred).amount == 100
    assert balance(chain, POINTS, CHARLIE) == 100
    assert (POINTS, BOB) not in chain.pallet(Assets).account
    assert chain.account(BOB).consumers == 0


def test_a_transfer_to_oneself_changes_nothing(chain: Chain) -> None:
    chain.succeeds(BOB, "Assets.transfer", POINTS, BOB, 95)
    assert balance(chain, POINTS, BOB) == 100


def test_keeping_alive_keeps_the_minimum(chain: Chain) -> None:
    arguments = (POINTS, CHARLIE, 91)
    assert chain.fails(BOB, "Assets.transfer_keep_alive", *arguments) == "Assets.BalanceLow"
    chain.succeeds(BOB, "Assets.transfer_keep_alive", POINTS, CHARLIE, 90)
    assert balance(chain, POINTS, BOB) == 10


def test_everything_is_transferred(chain: Chain) -> None:
    chain.succeeds(BOB, "Assets.transfer_all", POINTS, CHARLIE, True)
    assert balance(chain, POINTS, BOB) == 10
    chain.succeeds(BOB, "Assets.transfer_all", POINTS, CHARLIE, False)
    assert balance(chain, POINTS, CHARLIE) == 100


@pytest.mark.parametrize(
    ("signer", "arguments", "error"),
    [
        (BOB, (POINTS, CHARLIE, 101), "Assets.BalanceLow"),
        (BOB, (POINTS, CHARLIE, 9), "BelowMinimum"),
        (BOB, (POINTS, ERIN, 50), "CannotCreate"),
        (BOB, (99, CHARLIE, 1), "Assets.Unknown"),
        (CHARLIE, (POINTS, BOB, 10), "Assets.NoAccount"),
    ],
)
def test_transfers_that_cannot_be(
    chain: Chain, signer: bytes, arguments: tuple[Any, ...], error: str
) -> None:
    assert chain.fails(signer, "Assets.transfer", *arguments) == error


def test_strangers_cannot_use_up_an_account_s_room(chain: Chain) -> None:
    """Half of what may need an account at once stays for its owner."""
    for start in range(0, CONSUMERS_FOR_ASSETS, 16):
        numbers = range(100 + start, 116 + start)
        creations = [chain.call("Assets.create", number, ALICE, 1) for number in numbers]
        gifts = [chain.call("Assets.mint", number, CHARLIE, 1) for number in numbers]
        chain.succeeds(ALICE, "Utility.batch_all", (*creations, *gifts))
    assert chain.account(CHARLIE).consumers == CONSUMERS_FOR_ASSETS
    assert chain.fails(BOB, "Assets.transfer", POINTS, CHARLIE, 50) == "CannotCreate"
    chain.succeeds(CHARLIE, "Preimage.note_preimage", b"still room for a deposit")


# --------------------------------------------------------------------- creating, supply


def test_creating_takes_a_deposit_and_minting_raises_the_supply(chain: Chain) -> None:
    block = chain.succeeds(CHARLIE, "Assets.create", 8, DAVE, 5)
    assert block.event(Created) == Created(8, CHARLIE, DAVE)
    assert chain.held(CHARLIE) == ASSET_DEPOSIT
    block = chain.succeeds(DAVE, "Assets.mint", 8, ALICE, 5)
    assert block.event(Issued) == Issued(8, ALICE, 5)
    assert supply(chain, 8) == 5


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((POINTS, ALICE, 10), "Assets.InUse"), ((8, ALICE, 0), "Assets.MinBalanceZero")],
)
def test_creations_that_cannot_be(chain: Chain, arguments: tuple[Any, ...], error: str) -> None:
    assert chain.fails(ALICE, "Assets.create", *arguments) == error


def test_numbers_are_given_in_order_where_the_chain_says_so() -> None:
    chain = Chain({"Assets": {"nextAssetId": 5}})
    assert chain.fails(ALICE, "Assets.create", 4, ALICE, 1) == "Assets.BadAssetId"
    chain.succeeds(ALICE, "Assets.create", 5, ALICE, 1)
    chain.root("Assets.force_create", 10, ALICE, True, 1)
    assert chain.fails(ALICE, "Assets.create", 6, ALICE, 1) == "Assets.BadAssetId"
    chain.succeeds(ALICE, "Assets.create", 11, ALICE, 1)
    last = (1 << 32) - 1
    chain.root("Assets.force_create", last, ALICE, True, 1)
    assert chain.fails(ALICE, "Assets.create", last, ALICE, 1) == "Assets.InUse"


def test_only_the_issuer_mints_and_only_the_admin_burns(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.set_team", POINTS, BOB, CHARLIE, DAVE)
    assert chain.fails(ALICE, "Assets.mint", POINTS, BOB, 1) == "Assets.NoPermission"
    assert chain.fails(BOB, "Assets.burn", POINTS, BOB, 1) == "Assets.NoPermission"
    chain.succeeds(BOB, "Assets.mint", POINTS, BOB, 11)
    chain.succeeds(CHARLIE, "Assets.burn", POINTS, BOB, 1)
    assert supply(chain, POINTS) == balance(chain, POINTS, BOB) == 110


def test_a_burn_takes_what_there_is_and_the_remainder_below_the_minimum(chain: Chain) -> None:
    block = chain.succeeds(ALICE, "Assets.burn", POINTS, BOB, 95)
    assert block.event(Burned) == Burned(POINTS, BOB, 100)
    assert supply(chain, POINTS) == 0
    assert chain.fails(ALICE, "Assets.burn", POINTS, BOB, 1) == "Assets.NoAccount"


def test_a_supply_has_an_end(chain: Chain) -> None:
    assert chain.fails(ALICE, "Assets.mint", POINTS, BOB, MAX_BALANCE - 99) == "Overflow"
    chain.succeeds(ALICE, "Assets.mint", POINTS, BOB, MAX_BALANCE - 100)
    assert supply(chain, POINTS) == MAX_BALANCE


# ------------------------------------------------------------------------------ freezing


def test_a_frozen_account_receives_and_does_not_send(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.freeze", POINTS, BOB)
    assert chain.fails(BOB, "Assets.transfer", POINTS, CHARLIE, 10) == "Assets.Frozen"
    chain.succeeds(ALICE, "Assets.mint", POINTS, BOB, 1)
    chain.succeeds(ALICE, "Assets.thaw", POINTS, BOB)
    chain.succeeds(BOB, "Assets.transfer", POINTS, CHARLIE, 10)


def test_a_blocked_account_does_neither(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.block", POINTS, BOB)
    assert chain.fails(BOB, "Assets.transfer", POINTS, CHARLIE, 10) == "Assets.Frozen"
    assert chain.fails(ALICE, "Assets.mint", POINTS, BOB, 1) == "Blocked"


def test_a_frozen_asset_stands_still(chain: Chain) -> None:
    assert chain.fails(BOB, "Assets.freeze_asset", POINTS) == "Assets.NoPermission"
    assert chain.fails(ALICE, "Assets.thaw_asset", POINTS) == "Assets.IncorrectStatus"
    chain.succeeds(ALICE, "Assets.freeze_asset", POINTS)
    assert chain.fails(BOB, "Assets.transfer", POINTS, CHARLIE, 10) == "Assets.AssetNotLive"
    assert chain.fails(ALICE, "Assets.mint", POINTS, BOB, 1) == "Assets.AssetNotLive"
    chain.succeeds(ALICE, "Assets.thaw_asset", POINTS)
    chain.succeeds(BOB, "Assets.transfer", POINTS, CHARLIE, 10)


def test_only_the_admin_forces_a_transfer(chain: Chain) -> None:
    arguments = (POINTS, BOB, CHARLIE, 10)
    assert chain.fails(BOB, "Assets.force_transfer", *arguments) == "Assets.NoPermission"
    chain.succeeds(ALICE, "Assets.force_transfer", *arguments)
    assert balance(chain, POINTS, CHARLIE) == 10


# ---------------------------------------------------------------------------- approvals


def test_a_delegate_transfers_what_was_approved(chain: Chain) -> None:
    chain.succeeds(BOB, "Assets.approve_transfer", POINTS, CHARLIE, 20)
    chain.succeeds(BOB, "Assets.approve_transfer", POINTS, CHARLIE, 20)
    assert chain.held(BOB) == APPROVAL_DEPOSIT
    arguments = (POINTS, BOB, DAVE)
    assert chain.fails(CHARLIE, "Assets.transfer_approved", *arguments, 41) == "Assets.Unapproved"
    block = chain.succeeds(CHARLIE, "Assets.transfer_approved", *arguments, 30)
    assert block.event(TransferredApproved).amount == 30
    assert chain.pallet(Assets).approvals[POINTS, BOB, CHARLIE].amount == 10
    chain.succeeds(CHARLIE, "Assets.transfer_approved", *arguments, 10)
    assert chain.held(BOB) == 0
    assert chain.fails(CHARLIE, "Assets.transfer_approved", *arguments, 1) == "Assets.Unapproved"


def test_approvals_do_not_overflow(chain: Chain) -> None:
    chain.succeeds(BOB, "Assets.approve_transfer", POINTS, CHARLIE, MAX_BALANCE)
    assert chain.fails(BOB, "Assets.approve_transfer", POINTS, CHARLIE, 1) == "Overflow"


def test_approvals_are_taken_back(chain: Chain) -> None:
    for name, signer, arguments in (
        ("Assets.cancel_approval", BOB, (POINTS, CHARLIE)),
        ("Assets.force_cancel_approval", ALICE, (POINTS, BOB, CHARLIE)),
    ):
        chain.succeeds(BOB, "Assets.approve_transfer", POINTS, CHARLIE, 20)
        chain.succeeds(signer, name, *arguments)
        assert chain.held(BOB) == 0
        assert chain.fails(signer, name, *arguments) == "Assets.Unknown"
    stranger = ("Assets.force_cancel_approval", POINTS, BOB, CHARLIE)
    assert chain.fails(DAVE, *stranger) == "Assets.NoPermission"


# ------------------------------------------------------------------ accounts by deposit


def test_an_account_by_deposit_stays_when_it_is_empty(chain: Chain) -> None:
    chain.succeeds(CHARLIE, "Assets.touch", POINTS)
    assert chain.held(CHARLIE) == ASSET_ACCOUNT_DEPOSIT
    assert chain.fails(CHARLIE, "Assets.touch", POINTS) == "Assets.AlreadyExists"
    chain.succeeds(BOB, "Assets.transfer", POINTS, CHARLIE, 5)
    assert chain.fails(CHARLIE, "Assets.refund", POINTS, False) == "Assets.WouldBurn"
    chain.succeeds(CHARLIE, "Assets.transfer", POINTS, BOB, 5)
    chain.succeeds(CHARLIE, "Assets.refund", POINTS, False)
    assert chain.held(CHARLIE) == 0
    assert chain.fails(CHARLIE, "Assets.refund", POINTS, False) == "Assets.NoDeposit"


def test_a_refund_may_burn_what_is_left(chain: Chain) -> None:
    block = chain.succeeds(BOB, "Assets.refund", POINTS, True)
    assert block.event(Burned).balance == 100
    assert (supply(chain, POINTS), chain.account(BOB).consumers) == (0, 0)


def test_the_team_opens_accounts_for_others(chain: Chain) -> None:
    assert chain.fails(BOB, "Assets.touch_other", POINTS, ERIN) == "Assets.NoPermission"
    block = chain.succeeds(ALICE, "Assets.touch_other", POINTS, ERIN)
    assert block.event(Touched) == Touched(POINTS, ERIN, ALICE)
    chain.succeeds(BOB, "Assets.transfer", POINTS, ERIN, 3)
    assert chain.fails(ALICE, "Assets.refund_other", POINTS, ERIN) == "Assets.WouldBurn"
    chain.succeeds(ALICE, "Assets.burn", POINTS, ERIN, 3)
    assert chain.fails(BOB, "Assets.refund_other", POINTS, ERIN) == "Assets.NoPermission"
    chain.succeeds(ALICE, "Assets.refund_other", POINTS, ERIN)
    assert chain.held(ALICE) == ASSET_DEPOSIT


# ------------------------------------------------------------------- owner and metadata


def test_ownership_takes_the_deposits_along(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.set_metadata", POINTS, b"Points", b"PTS", 0)
    deposits = ASSET_DEPOSIT + METADATA_DEPOSIT_BASE + 9 * METADATA_DEPOSIT_PER_BYTE
    assert chain.held(ALICE) == deposits
    assert chain.fails(BOB, "Assets.transfer_ownership", POINTS, BOB) == "Assets.NoPermission"
    name = "Assets.transfer_ownership"
    assert chain.fails(ALICE, name, POINTS, ERIN) == "Balances.DeadAccount"
    chain.succeeds(ALICE, name, POINTS, CHARLIE)
    assert (chain.held(ALICE), chain.held(CHARLIE)) == (0, deposits)
    assert chain.free(CHARLIE) == ENDOWMENT


def test_metadata_is_set_changed_and_cleared(chain: Chain) -> None:
    name = "Assets.set_metadata"
    assert chain.fails(BOB, name, POINTS, b"x", b"y", 0) == "Assets.NoPermission"
    assert chain.fails(ALICE, name, POINTS, b"x" * 51, b"y", 0) == "Assets.BadMetadata"
    block = chain.succeeds(ALICE, name, POINTS, b"x" * 50, b"y", 3)
    assert block.event(MetadataSet).decimals == 3
    chain.succeeds(ALICE, name, POINTS, b"x", b"y", 3)
    held = ASSET_DEPOSIT + METADATA_DEPOSIT_BASE + 2 * METADATA_DEPOSIT_PER_BYTE
    assert chain.held(ALICE) == held
    chain.succeeds(ALICE, "Assets.clear_metadata", POINTS)
    assert chain.held(ALICE) == ASSET_DEPOSIT
    assert chain.fails(ALICE, "Assets.clear_metadata", POINTS) == "Assets.Unknown"


def test_root_sets_and_freezes_metadata(chain: Chain) -> None:
    chain.root("Assets.force_set_metadata", POINTS, b"Points", b"PTS", 0, True)
    assert chain.fails(ALICE, "Assets.set_metadata", POINTS, b"x", b"y", 0) == "Assets.NoPermission"
    assert chain.fails(ALICE, "Assets.clear_metadata", POINTS) == "Assets.NoPermission"
    chain.root("Assets.force_clear_metadata", POINTS)
    chain.succeeds(ALICE, "Assets.set_metadata", POINTS, b"x", b"y", 0)


def test_root_changes_everything_and_the_former_owner_gets_the_deposits_back(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.set_metadata", POINTS, b"x", b"y", 0)
    status = (POINTS, CHARLIE, CHARLIE, CHARLIE, CHARLIE, 20, True, True)
    chain.root("Assets.force_asset_status", *status)
    details = chain.pallet(Assets).asset[POINTS]
    assert (details.owner, details.min_balance, details.is_sufficient, details.status) == (
        CHARLIE,
        20,
        True,
        AssetStatus.Frozen,
    )
    assert (chain.held(ALICE), chain.held(CHARLIE)) == (0, 0)
    assert chain.root_fails("Assets.force_asset_status", POINTS, *[ALICE] * 4, 0, True, True)


def test_the_minimum_balance_only_falls_while_there_are_accounts(chain: Chain) -> None:
    assert chain.fails(ALICE, "Assets.set_min_balance", POINTS, 11) == "Assets.NoPermission"
    assert chain.fails(ALICE, "Assets.set_min_balance", POINTS, 0) == "Assets.MinBalanceZero"
    assert chain.fails(DAVE, "Assets.set_min_balance", MONEY, 1) == "Assets.NoPermission"
    chain.succeeds(ALICE, "Assets.set_min_balance", POINTS, 2)
    chain.succeeds(ALICE, "Assets.burn", POINTS, BOB, 100)
    chain.succeeds(ALICE, "Assets.set_min_balance", POINTS, 50)


# --------------------------------------------------------------------------- destruction


def test_an_asset_is_destroyed_step_by_step_and_every_deposit_goes_back(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.set_metadata", POINTS, b"x", b"y", 0)
    chain.succeeds(BOB, "Assets.approve_transfer", POINTS, CHARLIE, 20)
    chain.succeeds(CHARLIE, "Assets.touch", POINTS)
    chain.succeeds(ALICE, "Assets.touch_other", POINTS, ERIN)
    assert chain.fails(BOB, "Assets.start_destroy", POINTS) == "Assets.NoPermission"
    assert chain.fails(BOB, "Assets.destroy_accounts", POINTS) == "Assets.IncorrectStatus"

    chain.succeeds(ALICE, "Assets.start_destroy", POINTS)
    assert chain.fails(BOB, "Assets.transfer", POINTS, CHARLIE, 10) == "Assets.AssetNotLive"
    assert chain.fails(ALICE, "Assets.freeze", POINTS, BOB) == "Assets.IncorrectStatus"
    assert chain.fails(ALICE, "Assets.finish_destroy", POINTS) == "Assets.InUse"
    block = chain.succeeds(DAVE, "Assets.destroy_accounts", POINTS)
    assert block.event(AccountsDestroyed) == AccountsDestroyed(POINTS, 3, 0)
    chain.succeeds(DAVE, "Assets.destroy_approvals", POINTS)
    assert chain.succeeds(DAVE, "Assets.finish_destroy", POINTS).event(Destroyed)
    assert [chain.held(each) for each in (ALICE, BOB, CHARLIE)] == [0, 0, 0]
    assert POINTS not in chain.pallet(Assets).asset
    assert POINTS not in chain.pallet(Assets).metadata


def test_destruction_takes_no_more_than_its_share_of_a_block(chain: Chain) -> None:
    crowd = [number.to_bytes(32, "big") for number in range(1, REMOVE_ITEMS_LIMIT + 31)]
    gifts = tuple(chain.call("Assets.transfer", MONEY, each, 1) for each in crowd)
    chain.succeeds(ALICE, "Utility.batch_all", gifts)
    chain.succeeds(DAVE, "Assets.start_destroy", MONEY)
    full = chain.succeeds(BOB, "Assets.destroy_accounts", MONEY)
    rest = chain.succeeds(BOB, "Assets.destroy_accounts", MONEY)
    assert full.event(AccountsDestroyed) == AccountsDestroyed(MONEY, REMOVE_ITEMS_LIMIT, 31)
    assert rest.event(AccountsDestroyed) == AccountsDestroyed(MONEY, 31, 0)
    assert rest.results[0].fee < full.results[0].fee
    assert all(each not in chain.system.account for each in crowd)


def test_a_destroyed_asset_needs_its_native_account_no_more(chain: Chain) -> None:
    chain.succeeds(ALICE, "Assets.start_destroy", POINTS)
    chain.succeeds(ALICE, "Assets.destroy_accounts", POINTS)
    chain.succeeds(BOB, "Balances.transfer_all", ALICE, False)
    assert not chain.system.is_alive(BOB)
    assert chain.free(ALICE) > ENDOWMENT + ENDOWMENT - 102 * UNIT
