"""System: remarks, storage by root, accounts and what keeps them alive."""

from __future__ import annotations

import pytest

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.types import UNIT
from gongshe.runtime.overlay import CorruptState
from gongshe.runtime.pallet import CallFailed, InvariantBroken
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.system import MAX_CONSUMERS, KeyValue, Remarked
from tests.runtime_chain import ALICE, BOB, ENDOWMENT, ERIN, Chain


@pytest.fixture
def chain() -> Chain:
    return Chain()


def test_remarks_change_nothing_and_may_be_told(chain: Chain) -> None:
    chain.succeeds(ALICE, "System.remark", b"x" * 1_000)
    block = chain.succeeds(ALICE, "System.remark_with_event", b"hello")
    assert block.event(Remarked) == Remarked(ALICE, blake2_256(b"hello"))


def test_a_longer_remark_costs_more(chain: Chain) -> None:
    short, long = (chain.succeeds(ALICE, "System.remark", bytes(n)) for n in (1, 100_000))
    assert long.results[0].fee > 10 * short.results[0].fee


def test_root_writes_and_removes_storage(chain: Chain) -> None:
    chain.root("System.set_storage", (KeyValue(b"one", b"1"), KeyValue(b"two", b"")))
    assert (chain.state.get(b"one"), chain.state.get(b"two")) == (b"1", b"")
    chain.root("System.kill_storage", (b"one", b"two", b"three"))
    assert chain.state.get(b"one") is None


def test_what_root_writes_is_read_typed_in_the_same_block(chain: Chain) -> None:
    """A value written as bytes is decoded when a pallet next asks for it."""
    account, issued = chain.system.account, chain.pallet(Balances).total_issuance
    doubled = chain.account(BOB)
    raw = account.codec.encode(doubled)
    total = issued.codec.encode(issued.value)
    write = (KeyValue(account.key(BOB), raw), KeyValue(issued.prefix, total))
    batch = (
        chain.call("System.set_storage", write),
        chain.call("Balances.force_transfer", BOB, ERIN, UNIT),
    )
    chain.root("Utility.batch_all", batch)
    assert (chain.free(BOB), chain.free(ERIN)) == (ENDOWMENT - UNIT, UNIT)


def test_rubbish_that_root_writes_is_a_fault_that_is_named(chain: Chain) -> None:
    key = chain.system.account.key(ERIN)
    batch = (
        chain.call("System.set_storage", (KeyValue(key, b"rubbish"),)),
        chain.call("Balances.force_transfer", BOB, ERIN, UNIT),
    )
    with pytest.raises(CorruptState, match=key.hex()):
        chain.root("Utility.batch_all", batch)


def test_nobody_else_touches_storage(chain: Chain) -> None:
    assert chain.fails(ALICE, "System.set_storage", ()) == "BadOrigin"
    assert chain.fails(ALICE, "System.kill_storage", (b"x",)) == "BadOrigin"


def test_an_account_lives_while_something_provides_for_it(chain: Chain) -> None:
    system = chain.system
    system.add_provider(ERIN)
    system.add_provider(ERIN)
    system.add_consumer(ERIN)
    system.remove_provider(ERIN)
    with pytest.raises(CallFailed):
        system.remove_provider(ERIN)
    system.add_sufficient(ERIN)
    with pytest.raises(CallFailed):
        system.remove_provider(ERIN)
    system.remove_consumer(ERIN)
    system.remove_provider(ERIN)
    assert system.is_alive(ERIN)
    system.remove_sufficient(ERIN)
    assert ERIN not in system.account


def test_references_are_counted_strictly(chain: Chain) -> None:
    system = chain.system
    for refused in (system.add_consumer, system.remove_provider, system.remove_sufficient):
        with pytest.raises(CallFailed):
            refused(ERIN)
    with pytest.raises(InvariantBroken):
        system.remove_consumer(ALICE)


def test_what_may_need_an_account_is_bounded(chain: Chain) -> None:
    system = chain.system
    for _ in range(MAX_CONSUMERS):
        system.add_consumer(ALICE)
    with pytest.raises(CallFailed):
        system.add_consumer(ALICE)
