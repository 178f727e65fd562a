"""Multisig: enough approvals make the call, anything less does not."""

from __future__ import annotations

import pytest
from scalecodec.base import RuntimeConfigurationObject
from scalecodec.type_registry import load_type_registry_preset

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.scale import Err, Ok
from gongshe.primitives.types import UNIT, ErrorOfToken, TokenError, Weight
from gongshe.runtime.pallet import Call
from gongshe.runtime.pallets.multisig import (
    DEPOSIT_BASE,
    DEPOSIT_FACTOR,
    MAX_SIGNATORIES,
    Multisig,
    MultisigApproval,
    MultisigCancelled,
    MultisigExecuted,
    NewMultisig,
    Timepoint,
    multisig_account,
)
from tests.runtime_chain import ALICE, BOB, CHARLIE, DAVE, ENDOWMENT, ERIN, Chain

TEAM = (ALICE, BOB, CHARLIE)
FUND = multisig_account(TEAM, 2)
ENOUGH = Weight(10**9, 10**5)
NO_WEIGHT = Weight(0, 0)
OPENED = Timepoint(2, 1)
"""The first extrinsic after the inherent of the second block."""


@pytest.fixture
def chain() -> Chain:
    chain = Chain()
    chain.succeeds(DAVE, "Balances.transfer_keep_alive", FUND, 100 * UNIT)
    return chain


def others(who: bytes) -> tuple[bytes, ...]:
    return tuple(each for each in TEAM if each != who)


def payment(chain: Chain, tokens: int = 10) -> Call:
    return chain.call("Balances.transfer_keep_alive", ERIN, tokens * UNIT)


def open_by_hash(chain: Chain, call: Call) -> bytes:
    digest = blake2_256(chain.assembly.call_codec.encode(call))
    chain.succeeds(ALICE, "Multisig.approve_as_multi", 2, others(ALICE), None, digest, NO_WEIGHT)
    return digest


@pytest.mark.parametrize("threshold", [1, 2, 3, 65_535])
def test_the_account_is_the_one_that_wallets_compute(threshold: int) -> None:
    configuration = RuntimeConfigurationObject()
    configuration.update_type_registry(load_type_registry_preset("core"))
    kind = configuration.get_decoder_class("MultiAccountId")
    theirs = kind.create_from_account_list(
        ["0x" + each.hex() for each in reversed(TEAM)], threshold
    )
    assert multisig_account(TEAM, threshold).hex() == theirs.value.removeprefix("0x")


def test_two_of_three_make_a_call(chain: Chain) -> None:
    call = payment(chain)
    first = chain.succeeds(ALICE, "Multisig.as_multi", 2, others(ALICE), None, call, NO_WEIGHT)
    assert first.event(NewMultisig).multisig == FUND
    assert chain.held(ALICE) == DEPOSIT_BASE + 2 * DEPOSIT_FACTOR
    assert chain.free(ERIN) == 0

    second = chain.succeeds(BOB, "Multisig.as_multi", 2, others(BOB), OPENED, call, ENOUGH)
    executed = second.event(MultisigExecuted)
    assert (executed.approving, executed.timepoint, executed.result) == (BOB, OPENED, Ok())
    assert (chain.free(ERIN), chain.free(FUND), chain.held(ALICE)) == (10 * UNIT, 90 * UNIT, 0)


def test_three_of_three_need_three(chain: Chain) -> None:
    fund = multisig_account(TEAM, 3)
    chain.succeeds(DAVE, "Balances.transfer_keep_alive", fund, 100 * UNIT)
    call, opened = payment(chain), Timepoint(3, 1)
    chain.succeeds(CHARLIE, "Multisig.as_multi", 3, others(CHARLIE), None, call, ENOUGH)
    second = chain.succeeds(ALICE, "Multisig.as_multi", 3, others(ALICE), opened, call, ENOUGH)
    assert second.event(MultisigApproval).approving == ALICE
    (operation,) = [each for _, each in chain.pallet(Multisig).multisigs.items()]
    assert operation.approvals == (ALICE, CHARLIE)
    chain.succeeds(BOB, "Multisig.as_multi", 3, others(BOB), opened, call, ENOUGH)
    assert chain.free(ERIN) == 10 * UNIT


def test_approvals_by_hash_then_the_call(chain: Chain) -> None:
    call = payment(chain)
    digest = open_by_hash(chain, call)
    chain.succeeds(BOB, "Multisig.approve_as_multi", 2, others(BOB), OPENED, digest, NO_WEIGHT)
    assert chain.free(ERIN) == 0
    chain.succeeds(ALICE, "Multisig.as_multi", 2, others(ALICE), OPENED, call, ENOUGH)
    assert chain.free(ERIN) == 10 * UNIT


def test_a_call_that_fails_ends_the_operation(chain: Chain) -> None:
    call = payment(chain, 1_000_000)
    open_by_hash(chain, call)
    block = chain.succeeds(BOB, "Multisig.as_multi", 2, others(BOB), OPENED, call, ENOUGH)
    result = block.event(MultisigExecuted).result
    assert result == Err(ErrorOfToken(TokenError.FundsUnavailable))
    assert chain.held(ALICE) == 0
    assert not list(chain.pallet(Multisig).multisigs.items())


def test_one_of_three_acts_at_once(chain: Chain) -> None:
    fund = multisig_account(TEAM, 1)
    chain.succeeds(DAVE, "Balances.transfer_keep_alive", fund, 100 * UNIT)
    chain.succeeds(BOB, "Multisig.as_multi_threshold_1", others(BOB), payment(chain))
    assert chain.free(ERIN) == 10 * UNIT


def test_only_who_opened_it_cancels_and_gets_the_deposit(chain: Chain) -> None:
    digest = open_by_hash(chain, payment(chain))
    arguments = (OPENED, digest)
    name = "Multisig.cancel_as_multi"
    assert chain.fails(BOB, name, 2, others(BOB), *arguments) == "Multisig.NotOwner"
    block = chain.succeeds(ALICE, name, 2, others(ALICE), *arguments)
    assert block.event(MultisigCancelled).cancelling == ALICE
    assert chain.held(ALICE) == 0
    assert chain.fails(ALICE, name, 2, others(ALICE), *arguments) == "Multisig.NotFound"


def test_what_must_not_be(chain: Chain) -> None:
    call = payment(chain)
    digest = open_by_hash(chain, call)

    def approve(who: bytes, threshold: int, signatories: tuple[bytes, ...], when: object) -> str:
        arguments = (threshold, signatories, when, call, NO_WEIGHT)
        return chain.fails(who, "Multisig.as_multi", *arguments)

    assert approve(ALICE, 1, others(ALICE), OPENED) == "Multisig.MinimumThreshold"
    assert approve(ALICE, 2, others(ALICE), OPENED) == "Multisig.AlreadyApproved"
    assert approve(BOB, 2, others(BOB), None) == "Multisig.NoTimepoint"
    assert approve(BOB, 2, others(BOB), Timepoint(2, 2)) == "Multisig.WrongTimepoint"
    assert approve(BOB, 2, others(BOB), OPENED) == "Multisig.MaxWeightTooLow"
    assert approve(BOB, 3, others(BOB), OPENED) == "Multisig.UnexpectedTimepoint"
    assert approve(BOB, 2, (), OPENED) == "Multisig.TooFewSignatories"
    assert approve(BOB, 2, TEAM, OPENED) == "Multisig.SenderInSignatories"
    assert approve(BOB, 2, (CHARLIE, ALICE), OPENED) == "Multisig.SignatoriesOutOfOrder"
    assert approve(BOB, 2, (ALICE, ALICE), OPENED) == "Multisig.SignatoriesOutOfOrder"
    crowd = tuple(number.to_bytes(32, "big") for number in range(MAX_SIGNATORIES))
    assert approve(BOB, 2, crowd, OPENED) == "Multisig.TooManySignatories"
    chain.succeeds(BOB, "Multisig.approve_as_multi", 2, others(BOB), OPENED, digest, NO_WEIGHT)
    late = (2, others(CHARLIE), OPENED, digest, NO_WEIGHT)
    assert chain.fails(CHARLIE, "Multisig.approve_as_multi", *late) == "Multisig.AlreadyApproved"


def test_an_operation_needs_its_deposit(chain: Chain) -> None:
    chain.succeeds(ALICE, "Balances.transfer_keep_alive", BOB, ENDOWMENT - UNIT // 10)
    arguments = (2, others(ALICE), None, payment(chain), NO_WEIGHT)
    assert chain.fails(ALICE, "Multisig.as_multi", *arguments) == "Balances.InsufficientBalance"


def test_approving_costs_less_than_executing(chain: Chain) -> None:
    call = payment(chain)
    first = chain.succeeds(ALICE, "Multisig.as_multi", 2, others(ALICE), None, call, ENOUGH)
    second = chain.succeeds(BOB, "Multisig.as_multi", 2, others(BOB), OPENED, call, ENOUGH)
    assert first.results[0].fee < second.results[0].fee
