"""Scheduler: calls are made when they are due, by priority, within a share of the block."""

from __future__ import annotations

import pytest

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.scale import Err, Ok
from gongshe.primitives.types import UNIT, BadOrigin, Weight
from gongshe.runtime.origins import RawSigned, SystemOrigin
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.pallet import Call
from gongshe.runtime.pallets.preimage import Preimage
from gongshe.runtime.pallets.scheduler import AGENDA, MAXIMUM_WEIGHT, TASK, Scheduler
from gongshe.runtime.pallets.scheduler_types import (
    MAX_SCHEDULED_PER_BLOCK,
    BoundedInline,
    BoundedLookup,
    Task,
)
from gongshe.runtime.pallets.scheduler_words import (
    AgendaIncomplete,
    CallUnavailable,
    Canceled,
    Dispatched,
    PeriodicFailed,
    PermanentlyOverweight,
    Scheduled,
)
from tests.runtime_chain import ALICE, BOB, ERIN, Chain

NAME = b"n" * 32


@pytest.fixture
def chain() -> Chain:
    return Chain()


def set_balance(chain: Chain, tokens: int = 1) -> Call:
    return chain.call("Balances.force_set_balance", ERIN, tokens * UNIT)


def nothing(chain: Chain, weight: Weight) -> Call:
    """A call that does nothing and costs what is said."""
    return chain.call("Utility.with_weight", chain.call("System.set_storage", ()), weight)


def weighing(numerator: int, denominator: int) -> Weight:
    """A share of what tasks may use in all, with room for one task's own cost."""
    return Weight(MAXIMUM_WEIGHT.ref_time * numerator // denominator, 0)


def test_a_call_is_made_at_its_block_and_not_before(chain: Chain) -> None:
    block = chain.root("Scheduler.schedule", 4, None, 0, set_balance(chain))
    assert block.event(Scheduled) == Scheduled(4, 0)
    chain.blocks(2)
    assert chain.free(ERIN) == 0
    assert chain.block().event(Dispatched) == Dispatched((4, 0), None, Ok())
    assert chain.free(ERIN) == UNIT
    assert 4 not in chain.pallet(Scheduler).agenda


def test_after_counts_from_the_next_block(chain: Chain) -> None:
    chain.root("Scheduler.schedule_after", 0, None, 0, set_balance(chain))
    assert chain.block().event(Dispatched).task == (2, 0)


def test_a_scheduled_call_may_fail(chain: Chain) -> None:
    """Root is not an account: it cannot make a remark."""
    chain.root("Scheduler.schedule", 2, None, 0, chain.call("System.remark_with_event", b""))
    assert chain.block().event(Dispatched).result == Err(BadOrigin())


def test_the_past_cannot_be_scheduled(chain: Chain) -> None:
    error = "Scheduler.TargetBlockNumberInPast"
    for when in (0, 1):
        assert chain.root_fails("Scheduler.schedule", when, None, 0, set_balance(chain)) == error
    last = (1 << 32) - 1
    assert chain.root_fails("Scheduler.schedule_after", last, None, 0, set_balance(chain)) == error
    chain.root("Scheduler.schedule", last, None, 0, set_balance(chain))


def test_only_root_schedules(chain: Chain) -> None:
    call = set_balance(chain)
    assert chain.fails(ALICE, "Scheduler.schedule", 9, None, 0, call) == "BadOrigin"
    assert chain.fails(ALICE, "Scheduler.cancel", 9, 0) == "BadOrigin"


def test_a_lower_number_goes_first(chain: Chain) -> None:
    for priority in (200, 0, 100):
        chain.root("Scheduler.schedule", 9, None, priority, set_balance(chain, priority + 1))
    chain.blocks(5)
    order = [each.task[1] for each in chain.block().events(Dispatched)]
    assert order == [1, 2, 0]
    assert chain.free(ERIN) == 201 * UNIT


def test_names_lead_to_tasks_and_cancel_them(chain: Chain) -> None:
    chain.root("Scheduler.schedule_named", NAME, 9, None, 0, set_balance(chain))
    again = ("Scheduler.schedule_named", NAME, 10, None, 0, set_balance(chain))
    assert chain.root_fails(*again) == "Scheduler.FailedToSchedule"
    assert chain.pallet(Scheduler).lookup[NAME] == (9, 0)
    assert chain.root("Scheduler.cancel_named", NAME).event(Canceled) == Canceled(9, 0)
    assert chain.root_fails("Scheduler.cancel_named", NAME) == "Scheduler.NotFound"
    chain.root(*again)


def test_tasks_are_cancelled_by_place_and_leave_it_to_the_next(chain: Chain) -> None:
    for tokens in (1, 2, 3):
        chain.root("Scheduler.schedule", 9, None, 0, set_balance(chain, tokens))
    chain.root("Scheduler.cancel", 9, 1)
    assert chain.root_fails("Scheduler.cancel", 9, 1) == "Scheduler.NotFound"
    assert chain.root_fails("Scheduler.cancel", 9, 3) == "Scheduler.NotFound"
    block = chain.root("Scheduler.schedule", 9, None, 0, set_balance(chain, 4))
    assert block.event(Scheduled).index == 1


def test_a_periodic_task_is_made_as_often_as_was_said(chain: Chain) -> None:
    periodic = (2, 3)
    chain.root("Scheduler.schedule_named_after", NAME, 0, periodic, 0, set_balance(chain))
    made = [block.number for block in (chain.block() for _ in range(9)) if block.events(Dispatched)]
    assert made == [2, 4, 6]
    assert not list(chain.pallet(Scheduler).agenda)
    assert not list(chain.pallet(Scheduler).lookup)


def test_an_agenda_is_bounded_and_a_periodic_task_that_finds_it_full_ends(chain: Chain) -> None:
    fill = tuple(
        chain.call("Scheduler.schedule", 12, None, 0, set_balance(chain))
        for _ in range(MAX_SCHEDULED_PER_BLOCK)
    )
    chain.root("Utility.batch_all", fill)
    assert chain.root_fails("Scheduler.schedule", 12, None, 0, set_balance(chain)) == "Exhausted"
    chain.root("Scheduler.schedule", 4, (8, 2), 0, set_balance(chain))
    assert chain.block().event(PeriodicFailed).task == (4, 0)


def test_a_long_call_becomes_a_preimage_until_it_is_made(chain: Chain) -> None:
    batch = chain.call("Utility.batch_all", (set_balance(chain),) * 4)
    chain.root("Scheduler.schedule", 3, (1, 2), 0, batch)
    raw = chain.assembly.call_codec.encode(batch)
    (task,) = chain.pallet(Scheduler).agenda[3]
    assert isinstance(task, Task)
    assert task.call == BoundedLookup(blake2_256(raw), len(raw))
    assert chain.pallet(Preimage).fetch(blake2_256(raw)) == raw
    chain.blocks(2)
    assert chain.pallet(Preimage).fetch(blake2_256(raw)) == raw
    chain.blocks(1)
    assert chain.free(ERIN) == UNIT
    assert chain.pallet(Preimage).fetch(blake2_256(raw)) is None


def test_two_tasks_of_one_long_call_share_its_preimage(chain: Chain) -> None:
    batch = chain.call("Utility.batch_all", (set_balance(chain),) * 4)
    digest = blake2_256(chain.assembly.call_codec.encode(batch))
    chain.root("Preimage.request_preimage", digest)
    for when in (4, 9):
        chain.root("Scheduler.schedule", when, None, 0, batch)
    chain.blocks(1)
    assert chain.pallet(Preimage).fetch(digest) is not None
    chain.root("Scheduler.cancel", 9, 0)
    assert chain.pallet(Preimage).fetch(digest) is not None
    chain.root("Preimage.unrequest_preimage", digest)
    assert chain.pallet(Preimage).fetch(digest) is None


def test_a_call_that_is_gone_is_told_and_dropped(chain: Chain) -> None:
    batch = chain.call("Utility.batch_all", (set_balance(chain),) * 4)
    chain.root("Scheduler.schedule", 3, (5, 5), 0, batch)
    chain.root("Preimage.unnote_preimage", blake2_256(chain.assembly.call_codec.encode(batch)))
    assert chain.block().event(CallUnavailable).task == (3, 0)
    assert not list(chain.pallet(Scheduler).agenda)


def test_a_call_that_the_rules_cannot_read_any_more_is_dropped(chain: Chain) -> None:
    chain.root("Scheduler.schedule", 3, None, 0, set_balance(chain))
    overlay = Overlay(chain.state)
    agenda = chain.pallet(Scheduler).agenda
    (task,) = agenda[3]
    assert isinstance(task, Task)
    unreadable = Task(None, 0, BoundedInline(b"\xff\xff"), None, task.origin)
    overlay.write(agenda.key(3), agenda.codec, (unreadable,))
    chain.state = chain.state.after(overlay.changes())
    chain.blocks(1)
    assert chain.block().event(CallUnavailable).task == (3, 0)


def test_what_does_not_fit_waits_and_is_made_later(chain: Chain) -> None:
    half = weighing(2, 5)
    for tokens in range(3):
        call = chain.call("Utility.batch", (nothing(chain, half), set_balance(chain, tokens + 1)))
        chain.root("Scheduler.schedule", 9, None, tokens, call)
    chain.blocks(5)
    first = chain.block()
    assert [each.task[1] for each in first.events(Dispatched)] == [0, 1]
    assert first.event(AgendaIncomplete).when == 9
    assert chain.pallet(Scheduler).incomplete_since.get() == 9
    second = chain.block()
    assert [each.task for each in second.events(Dispatched)] == [(9, 2)]
    assert chain.pallet(Scheduler).incomplete_since.get() is None
    assert chain.free(ERIN) == 3 * UNIT


def test_a_task_left_over_goes_before_later_ones(chain: Chain) -> None:
    most = weighing(3, 4)
    for when in (9, 9, 10):
        chain.root("Scheduler.schedule", when, None, 0, nothing(chain, most))
    chain.blocks(5)
    made = [[each.task for each in chain.block().events(Dispatched)] for _ in range(4)]
    assert made == [[(9, 0)], [(9, 1)], [(10, 0)], []]


def test_tasks_leave_half_of_the_block_to_users(chain: Chain) -> None:
    for _ in range(3):
        chain.root("Scheduler.schedule", 9, None, 0, nothing(chain, weighing(1, 3)))
    chain.blocks(5)
    chain.succeeds(ALICE, "Balances.transfer_keep_alive", BOB, UNIT)
    used = chain.system.block_weight.value.mandatory.ref_time
    assert used < MAXIMUM_WEIGHT.ref_time * 11 // 10


def test_what_can_never_fit_is_told_and_dropped(chain: Chain) -> None:
    fits = MAXIMUM_WEIGHT - AGENDA - TASK
    chain.root("Scheduler.schedule", 9, None, 0, nothing(chain, fits))
    chain.root("Scheduler.schedule", 10, None, 0, nothing(chain, fits + Weight(1, 0)))
    chain.blocks(6)
    assert chain.block().events(Dispatched)
    assert chain.block().event(PermanentlyOverweight).task == (10, 0)
    assert not list(chain.pallet(Scheduler).agenda)


def test_a_task_may_cancel_another_of_the_same_block(chain: Chain) -> None:
    chain.root("Scheduler.schedule", 4, None, 0, chain.call("Scheduler.cancel", 4, 1))
    chain.root("Scheduler.schedule", 4, None, 1, set_balance(chain))
    block = chain.block()
    assert not [each for each in block.events(Dispatched) if each.task != (3, 0)]
    block = chain.block()
    assert [each.task for each in block.events(Dispatched)] == [(4, 0)]
    assert block.event(Canceled) == Canceled(4, 1)
    assert chain.free(ERIN) == 0


def test_a_pallet_may_schedule_in_the_name_of_an_account(chain: Chain) -> None:
    execution = chain.open()
    execution.apply(chain.inherent("Timestamp.set", (chain.slot + 1) * 1_000))
    send = chain.call("Balances.transfer_keep_alive", ERIN, UNIT)
    caller = SystemOrigin(RawSigned(ALICE))
    execution.runtime.pallet(Scheduler).schedule_call(2, None, 0, caller, send)
    chain.keep(execution)
    assert chain.block().event(Dispatched).result == Ok()
    assert chain.free(ERIN) == UNIT
