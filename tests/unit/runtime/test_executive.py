"""The executive survives pallets that misbehave, and lets in only what may enter."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from gongshe.primitives.extrinsic import MortalEra
from gongshe.primitives.records import replace
from gongshe.primitives.scale import ScaleError
from gongshe.primitives.types import UNIT, DispatchClass, Pays, Weight
from gongshe.runtime.apis import APIS
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.executive import Runtime, assembly_for
from gongshe.runtime.limits import MAX_LENGTH, NORMAL_TOTAL
from gongshe.runtime.overlay import EmptyState, Overlay
from gongshe.runtime.pallet import InvariantBroken
from gongshe.runtime.pallets.system import BLOCK_HASH_COUNT, ExtrinsicFailed, ExtrinsicSuccess
from gongshe.runtime.pallets.transaction_payment import TransactionFeePaid
from gongshe.runtime.validity import FOREVER, MAX_PRIORITY, BlockRefused, Refused, nonce_tag
from gongshe.runtime.versions import VERSION_1
from gongshe.runtime.weights import BASE_EXTRINSIC, NESTED_CALL
from tests.mischief import DECLARED, Done, Mischief
from tests.runtime_chain import ALICE, BOB, ENDOWMENT, ERIN, SLOT_MS, Chain, block_hash

ASSEMBLY = Assembly(1, (*VERSION_1.pallets, Mischief), APIS)
LIGHT = Weight(5, 0)


@pytest.fixture
def chain() -> Chain:
    return Chain(assemblies={1: ASSEMBLY})


def marks(chain: Chain, account: bytes = ALICE) -> int:
    return chain.pallet(Mischief).marks[account]


# -------------------------------------------------------------------------- misbehaviour


def test_a_call_that_writes_emits_and_fails_never_happened(chain: Chain) -> None:
    block = chain.block(chain.signed(ALICE, "Mischief.mark_then_fail", 7))
    assert block.results[0].failure is not None
    assert (block.results[0].failure.expected, block.results[0].failure.found) == ("nothing", 7)
    assert not block.events(Done)
    assert marks(chain) == 0
    assert chain.fails(ALICE, "Mischief.mark_then_fail", 7) == "Mischief.Sorry"


def test_the_call_after_a_failed_one_is_made(chain: Chain) -> None:
    block = chain.block(
        chain.signed(ALICE, "Mischief.mark_then_fail", 7),
        chain.signed(ALICE, "Mischief.mark", 8),
        chain.signed(BOB, "Mischief.mark", 9),
    )
    assert [bool(failure) for failure in block.failures] == [True, False, False]
    assert (marks(chain), marks(chain, BOB)) == (8, 9)


def test_a_failure_inside_is_undone_and_what_is_outside_stays(chain: Chain) -> None:
    inner = chain.call("Mischief.mark_then_fail", 70)
    block = chain.succeeds(ALICE, "Mischief.swallow", inner)
    assert [each.number for each in block.events(Done)] == [1, 2]
    assert marks(chain) == 2


def test_a_bug_goes_up_and_leaves_nothing_behind(chain: Chain) -> None:
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * SLOT_MS))
    with pytest.raises(ZeroDivisionError):
        execution.apply(chain.signed(ALICE, "Mischief.mark_then_raise", 7))
    assert execution.runtime.pallet(Mischief).marks[ALICE] == 0
    execution.runtime.check_invariants()


def test_endless_recursion_is_a_bug_that_is_found(chain: Chain) -> None:
    execution = chain.open()
    with pytest.raises(RuntimeError, match="storage transactions nested"):
        execution.apply(chain.signed(ALICE, "Mischief.recurse"))


def test_a_value_too_wide_for_its_type_stops_the_block(chain: Chain) -> None:
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * SLOT_MS))
    execution.apply(chain.signed(ALICE, "Mischief.widen"))
    with pytest.raises(ScaleError):
        execution.finish()


def test_what_a_block_read_and_wrote_is_let_go_without_the_collector() -> None:
    state = Overlay(EmptyState())
    runtime = Runtime(ASSEMBLY, state)
    assert runtime.pallet(Mischief).marks[ALICE] == 0
    left = weakref.ref(state)
    gc.disable()
    try:
        del runtime, state
        assert left() is None
    finally:
        gc.enable()


def test_broken_invariants_are_found(chain: Chain) -> None:
    with pytest.raises(InvariantBroken):
        chain.succeeds(ALICE, "Mischief.break_invariants")


# ----------------------------------------------------------------------- weight and fees


def used(chain: Chain, name: str, *arguments: Any) -> tuple[Weight, Pays, int]:
    """What a call is said to have used, whether it pays, and the fee."""
    block = chain.block(chain.signed(ALICE, name, *arguments))
    last: Any = block.records[-1].event
    ends = [each for each in block.records if each.phase != block.records[-1].phase] or [last]
    last = next(
        each.event
        for each in reversed(ends)
        if isinstance(each.event, ExtrinsicSuccess | ExtrinsicFailed)
    )
    return last.dispatch_info.weight, last.dispatch_info.pays_fee, block.results[0].fee


@pytest.mark.parametrize("name", ["Mischief.report", "Mischief.fail_and_report"])
def test_unused_weight_is_given_back_whether_or_not_the_call_failed(
    chain: Chain, name: str
) -> None:
    weight, pays, light = used(chain, name, LIGHT, Pays.Yes)
    assert (weight, pays) == (LIGHT, Pays.Yes)
    assert chain.system.block_weight.value.normal == LIGHT + BASE_EXTRINSIC
    _, _, heavy = used(chain, name, DECLARED, Pays.Yes)
    assert light < heavy


def test_nobody_uses_more_than_was_declared(chain: Chain) -> None:
    greedy = Weight(10**15, 10**9)
    weight, _, fee = used(chain, "Mischief.report", greedy, Pays.Yes)
    assert weight == DECLARED
    assert chain.system.block_weight.value.normal == DECLARED + BASE_EXTRINSIC
    block = chain.block(chain.signed(ALICE, "Mischief.mark", 1))
    assert abs(fee - block.results[0].fee) < fee // 50  # they differ by a few bytes of length


@pytest.mark.parametrize("name", ["Mischief.report", "Mischief.fail_and_report"])
def test_a_call_may_turn_out_to_be_free(chain: Chain, name: str) -> None:
    _, pays, fee = used(chain, name, LIGHT, Pays.No)
    assert (pays, fee) == (Pays.No, 0)
    assert chain.free(ALICE) == ENDOWMENT


def test_a_refund_meets_an_account_that_the_call_has_emptied(chain: Chain) -> None:
    move = chain.call("Balances.transfer_all", ERIN, False)
    whole = chain.call("Utility.batch", (move, chain.call("Mischief.report", LIGHT, Pays.Yes)))
    block = chain.succeeds(BOB, whole)
    assert chain.account(BOB).data.free < UNIT
    assert block.event(TransactionFeePaid).actual_fee == block.results[0].fee


# ------------------------------------------------------------------------- who may enter


def refusal(chain: Chain, **options: Any) -> str:
    """Why a transfer with these options may not enter the next block."""
    signer = options.pop("signer", ALICE)
    with pytest.raises(Refused) as caught:
        chain.block(chain.signed(signer, "Mischief.mark", 1, **options))
    return caught.value.name


def test_what_may_not_enter(chain: Chain) -> None:
    chain.succeeds(ALICE, "Mischief.mark", 1)
    assert refusal(chain, nonce=0) == "Stale"
    assert refusal(chain, nonce=2) == "Future"
    assert refusal(chain, signer=ERIN) == "Payment"
    assert refusal(chain, signer=bytes(32)) == "BadSigner"
    assert refusal(chain, tip=ENDOWMENT) == "Payment"
    chain.succeeds(ALICE, "Mischief.mark", 2)


def test_a_refused_extrinsic_changes_nothing_and_the_block_goes_on(chain: Chain) -> None:
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * SLOT_MS))
    with pytest.raises(Refused):
        execution.apply(chain.signed(ALICE, "Mischief.mark", 1, nonce=5))
    execution.apply(chain.signed(ALICE, "Mischief.mark", 2, nonce=0))
    block = chain.keep(execution)
    assert block.failures == [""]
    assert marks(chain) == 2


def test_a_call_larger_than_any_block_is_refused(chain: Chain) -> None:
    with pytest.raises(Refused) as caught:
        chain.block(chain.signed(ALICE, "Mischief.weigh_too_much"))
    assert caught.value.name == "ExhaustsResources"


def test_a_block_is_full_by_weight(chain: Chain) -> None:
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * SLOT_MS))
    beside = BASE_EXTRINSIC.ref_time + NESTED_CALL.ref_time
    heavy = Weight(NORMAL_TOTAL.ref_time // 2 - beside, 0)
    call = chain.call("Sudo.sudo_unchecked_weight", chain.call("System.set_storage", ()), heavy)
    for nonce in range(2):
        execution.apply(chain.signed(ALICE, call, nonce=nonce))
    with pytest.raises(Refused) as caught:
        execution.apply(chain.signed(ALICE, "Mischief.mark", 1, nonce=2))
    assert caught.value.name == "ExhaustsResources"
    operational = chain.signed(ALICE, "Upgrades.cancel_upgrade", nonce=2)
    assert operational.info.dispatch_class is DispatchClass.Operational
    execution.apply(operational)
    chain.keep(execution)


def test_a_block_is_full_by_length(chain: Chain) -> None:
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * SLOT_MS))
    remark = bytes(1 << 20)
    for nonce in range(3):
        execution.apply(chain.signed(ALICE, "System.remark", remark, nonce=nonce))
    with pytest.raises(Refused) as caught:
        execution.apply(chain.signed(ALICE, "System.remark", remark, nonce=3))
    assert caught.value.name == "ExhaustsResources"
    assert MAX_LENGTH * 3 // 4 < 4 << 20


def test_an_inherent_may_not_be_signed_nor_a_call_unsigned(chain: Chain) -> None:
    with pytest.raises(Refused) as caught:
        chain.block(chain.signed(ALICE, "Timestamp.set", 1))
    assert caught.value.name == "MandatoryValidation"
    execution = chain.open()
    with pytest.raises(Refused) as caught:
        execution.apply(chain.inherent("Mischief.mark", 1))
    assert caught.value.name == "Call"


def test_an_inherent_that_fails_makes_the_block_invalid(chain: Chain) -> None:
    execution = chain.open()
    with pytest.raises(Refused) as caught:
        execution.apply(chain.inherent("Mischief.fail_as_inherent"))
    assert caught.value.name == "BadMandatory"


def test_the_pool_learns_order_priority_and_longevity(chain: Chain) -> None:
    execution = chain.open()
    now = execution.validate(chain.signed(ALICE, "Mischief.mark", 1, nonce=0))
    later = execution.validate(chain.signed(ALICE, "Mischief.mark", 1, nonce=3))
    assert (now.requires, now.provides) == ((), (nonce_tag(ALICE, 0),))
    assert later.requires == (nonce_tag(ALICE, 2),)
    assert now.longevity == FOREVER
    tipped = execution.validate(chain.signed(ALICE, "Mischief.mark", 1, nonce=0, tip=1_000))
    assert tipped.priority > now.priority
    rich = chain.signed(ALICE, "Mischief.mark", 1, nonce=0, tip=ENDOWMENT // 2)
    assert execution.validate(rich).priority <= MAX_PRIORITY
    free = chain.signed(ALICE, "Mischief.mark", 1, nonce=0)
    operational = replace(free, info=replace(free.info, dispatch_class=DispatchClass.Operational))
    assert execution.validate(operational).priority > now.priority


# ----------------------------------------------------------------------- nonces and eras


def test_a_reaped_account_keeps_its_nonce_so_that_nothing_replays(chain: Chain) -> None:
    old = chain.signed(BOB, "Balances.transfer_keep_alive", ERIN, UNIT)
    chain.block(old)
    chain.succeeds(BOB, "Balances.transfer_all", ALICE, False)
    assert not chain.system.is_alive(BOB)
    assert chain.account(BOB).nonce == 2
    chain.succeeds(ALICE, "Balances.transfer_keep_alive", BOB, 100 * UNIT)
    with pytest.raises(Refused) as caught:
        chain.block(old)
    assert caught.value.name == "Stale"
    chain.succeeds(BOB, "Mischief.mark", 3)


def test_an_account_without_a_past_leaves_no_trace(chain: Chain) -> None:
    chain.succeeds(ALICE, "Balances.transfer_keep_alive", ERIN, UNIT)
    chain.root("Balances.force_set_balance", ERIN, 0)
    assert ERIN not in chain.system.account


def test_a_mortal_extrinsic_enters_within_its_era(chain: Chain) -> None:
    chain.blocks(10)
    era = MortalEra.around(10, 8)
    extrinsic = chain.signed(ALICE, "Mischief.mark", 1, era=era)
    execution = chain.open()
    assert execution.birth_hash(extrinsic) == block_hash(era.birth(11)) == block_hash(10)
    assert execution.validate(extrinsic).longevity == era.death(11) - 11 == 7
    chain.block(extrinsic)


def test_an_era_that_has_not_begun_is_refused(chain: Chain) -> None:
    chain.blocks(10)
    assert refusal(chain, era=MortalEra.around(11, 8)) == "AncientBirthBlock"


def test_an_immortal_extrinsic_is_born_at_genesis(chain: Chain) -> None:
    execution = chain.open()
    assert execution.birth_hash(chain.signed(ALICE, "Mischief.mark", 1)) == block_hash(0)


def test_hashes_of_old_blocks_are_forgotten_but_not_that_of_genesis(chain: Chain) -> None:
    late = BLOCK_HASH_COUNT + 5
    state = Overlay(chain.state)
    system = Runtime(ASSEMBLY, state).pallet(type(chain.system))
    for number in range(late - 1):
        system.block_hash[number] = block_hash(number)
    chain.state = chain.state.after(state.changes())
    execution = chain.open(late)
    kept = execution.runtime.pallet(type(system)).block_hash
    assert kept.get(late - 1 - BLOCK_HASH_COUNT) is None
    assert kept.get(late - BLOCK_HASH_COUNT) is not None
    assert kept.get(0) == block_hash(0)


# ------------------------------------------------------------------------------- blocks


def test_the_time_is_told_exactly_once_within_the_slot(chain: Chain) -> None:
    slot = chain.slot + 1
    with pytest.raises(BlockRefused, match="no time"):
        chain.open().finish()
    for time in (slot * SLOT_MS - 1, (slot + 1) * SLOT_MS):
        with pytest.raises(BlockRefused, match="within slot"):
            chain.open().apply(chain.inherent("Timestamp.set", time))
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", slot * SLOT_MS))
    with pytest.raises(BlockRefused, match="second time"):
        execution.apply(chain.inherent("Timestamp.set", slot * SLOT_MS))


def test_slots_only_grow(chain: Chain) -> None:
    chain.block()
    chain.slot -= 1
    with pytest.raises(BlockRefused, match="a slot after"):
        chain.open()
    chain.slot += 100
    chain.block()


def test_the_runtime_of_a_block_follows_from_the_state_alone(chain: Chain) -> None:
    assert assembly_for({1: ASSEMBLY}, chain.state, 1) is ASSEMBLY


def test_a_block_tells_what_it_used_and_which_events_it_left(chain: Chain) -> None:
    block = chain.succeeds(ALICE, "Mischief.mark", 1)
    system = chain.system
    assert system.event_count.value == len(block.records)
    assert system.number.value == block.number
    assert system.block_weight.value.normal == DECLARED + BASE_EXTRINSIC
    assert system.execution_phase.get() is None
