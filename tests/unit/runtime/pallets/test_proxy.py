"""Proxy: delegates do what their type permits, however the call is wrapped, and no more."""

from __future__ import annotations

import itertools

import pytest

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.scale import Err, Ok
from gongshe.primitives.types import UNIT, ErrorOfModule, ModuleError, Weight
from gongshe.runtime.pallet import Call
from gongshe.runtime.pallets.proxy import (
    ANNOUNCEMENT_DEPOSIT_BASE,
    ANNOUNCEMENT_DEPOSIT_FACTOR,
    MAX_PROXIES,
    Proxy,
    proxy_deposit,
)
from gongshe.runtime.pallets.proxy_types import PERMITTED, ProxyDefinition, ProxyType, pure_account
from gongshe.runtime.pallets.proxy_words import (
    Announced,
    ProxyAdded,
    ProxyExecuted,
    ProxyRemoved,
    PureCreated,
)
from gongshe.runtime.pallets.utility import BatchInterrupted, derivative_account
from tests.runtime_chain import ALICE, BOB, CHARLIE, DAVE, ENDOWMENT, ERIN, SUDO, Chain

FILTERED = Err(ErrorOfModule(ModuleError(0, b"\x05\x00\x00\x00")))
"""System.CallFiltered."""


@pytest.fixture
def chain() -> Chain:
    return Chain()


def delegate(chain: Chain, giver: bytes, taker: bytes, kind: ProxyType, delay: int = 0) -> None:
    chain.succeeds(giver, "Proxy.add_proxy", taker, kind, delay)


def act(chain: Chain, who: bytes, real: bytes, call: Call) -> Ok | Err:
    """What comes of a call that `who` makes for `real`."""
    block = chain.succeeds(who, "Proxy.proxy", real, None, call)
    result: Ok | Err = block.events(ProxyExecuted)[-1].result
    return result


def send(chain: Chain, target: bytes = ERIN) -> Call:
    return chain.call("Balances.transfer_keep_alive", target, UNIT)


def test_a_delegate_acts_for_another(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any)
    assert act(chain, BOB, ALICE, send(chain)) == Ok()
    assert chain.free(ERIN) == UNIT
    assert chain.fails(CHARLIE, "Proxy.proxy", ALICE, None, send(chain)) == "Proxy.NotProxy"
    assert chain.fails(ALICE, "Proxy.proxy", BOB, None, send(chain)) == "Proxy.NotProxy"


def test_a_type_may_be_demanded(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any)
    arguments = (ALICE, ProxyType.Assets, send(chain))
    assert chain.fails(BOB, "Proxy.proxy", *arguments) == "Proxy.NotProxy"
    delegate(chain, ALICE, BOB, ProxyType.Assets)
    block = chain.succeeds(BOB, "Proxy.proxy", *arguments)
    assert block.event(ProxyExecuted).result == FILTERED


def test_adding_and_removing_moves_the_deposit(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any)
    assert chain.held(ALICE) == proxy_deposit(1)
    block = chain.succeeds(ALICE, "Proxy.add_proxy", CHARLIE, ProxyType.Governance, 7)
    assert block.event(ProxyAdded) == ProxyAdded(ALICE, CHARLIE, ProxyType.Governance, 7)
    assert chain.held(ALICE) == proxy_deposit(2)
    block = chain.succeeds(ALICE, "Proxy.remove_proxy", BOB, ProxyType.Any, 0)
    assert block.event(ProxyRemoved).delegatee == BOB
    assert chain.pallet(Proxy).proxies[ALICE][0] == (
        ProxyDefinition(CHARLIE, ProxyType.Governance, 7),
    )
    chain.succeeds(ALICE, "Proxy.remove_proxies")
    assert chain.held(ALICE) == 0
    assert ALICE not in chain.pallet(Proxy).proxies


def test_what_must_not_be(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any)
    again = (BOB, ProxyType.Any, 0)
    assert chain.fails(ALICE, "Proxy.add_proxy", *again) == "Proxy.Duplicate"
    assert chain.fails(ALICE, "Proxy.add_proxy", ALICE, ProxyType.Any, 0) == "Proxy.NoSelfProxy"
    assert chain.fails(BOB, "Proxy.remove_proxy", *again) == "Proxy.NotFound"
    assert chain.fails(ALICE, "Proxy.remove_announcement", BOB, bytes(32)) == "Proxy.NotFound"


def test_proxies_are_bounded(chain: Chain) -> None:
    adding = [
        chain.call("Proxy.add_proxy", number.to_bytes(32, "big"), ProxyType.Any, 0)
        for number in range(1, MAX_PROXIES + 1)
    ]
    chain.succeeds(ALICE, "Utility.batch_all", tuple(adding))
    assert chain.fails(ALICE, "Proxy.add_proxy", BOB, ProxyType.Any, 0) == "Proxy.TooMany"


# ------------------------------------------------------------------------------- filters


def wrappings(chain: Chain, call: Call) -> dict[str, Call]:
    """The ways to hide a call in others."""
    return {
        "bare": call,
        "batch_all": chain.call("Utility.batch_all", (call,)),
        "derived": chain.call("Utility.as_derivative", 0, call),
        "deep": chain.call("Utility.batch_all", (chain.call("Utility.batch_all", (call, call)),)),
        "multisig": chain.call("Multisig.as_multi_threshold_1", (DAVE,), call),
        "another proxy": chain.call("Proxy.proxy", CHARLIE, None, call),
    }


@pytest.mark.parametrize("wrapping", list(wrappings(Chain(), Chain().call("Sudo.remove_key"))))
def test_a_filtered_call_stays_filtered_however_it_is_wrapped(chain: Chain, wrapping: str) -> None:
    """CHARLIE trusts ALICE with everything, ALICE trusts BOB with no transfers."""
    delegate(chain, CHARLIE, ALICE, ProxyType.Any)
    delegate(chain, ALICE, BOB, ProxyType.NonTransfer)
    derived = derivative_account(ALICE, 0)
    chain.succeeds(DAVE, "Balances.transfer_keep_alive", derived, 100 * UNIT)
    before = {each: chain.free(each) for each in (ALICE, CHARLIE, derived)}

    block = chain.succeeds(BOB, "Proxy.proxy", ALICE, None, wrappings(chain, send(chain))[wrapping])
    assert FILTERED in [each.result for each in block.events(ProxyExecuted)]
    assert chain.free(ERIN) == 0
    assert {each: chain.free(each) for each in (ALICE, CHARLIE, derived)} == before


def test_a_batch_tells_which_call_was_filtered(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.NonTransfer)
    remark = chain.call("System.remark", b"fine")
    batch = chain.call("Utility.batch", (remark, send(chain)))
    block = chain.succeeds(BOB, "Proxy.proxy", ALICE, None, batch)
    assert block.event(BatchInterrupted).index == 1
    assert block.event(BatchInterrupted).error == FILTERED.value


def test_a_delegate_of_the_sudo_key_is_not_root(chain: Chain) -> None:
    delegate(chain, SUDO, BOB, ProxyType.NonTransfer)
    sudo = chain.call("Sudo.sudo", chain.call("System.set_storage", ()))
    assert act(chain, BOB, SUDO, sudo) == FILTERED
    delegate(chain, SUDO, CHARLIE, ProxyType.Any)
    assert act(chain, CHARLIE, SUDO, sudo) == Ok()


def test_no_delegate_widens_what_delegates_may_do(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.NonTransfer)
    for kind in ProxyType:
        expected = Ok() if ProxyType.NonTransfer.is_superset(kind) else FILTERED
        add = chain.call("Proxy.add_proxy", CHARLIE, kind, 0)
        assert act(chain, BOB, ALICE, add) == expected, kind
    assert act(chain, BOB, ALICE, chain.call("Proxy.remove_proxies")) == FILTERED
    delegate(chain, ALICE, DAVE, ProxyType.Any)
    remove = chain.call("Proxy.remove_proxy", DAVE, ProxyType.Any, 0)
    assert act(chain, BOB, ALICE, remove) == FILTERED
    assert act(chain, DAVE, ALICE, chain.call("Proxy.remove_proxies")) == Ok()


def test_an_approval_of_an_unseen_call_is_a_transfer_too(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.NonTransfer)
    approval = chain.call("Multisig.approve_as_multi", 2, (CHARLIE,), None, bytes(32), Weight(0, 0))
    assert act(chain, BOB, ALICE, approval) == FILTERED


def test_supersets_permit_what_their_subsets_do(chain: Chain) -> None:
    calls = [
        f"{pallet.name}.{call.name}"
        for pallet in chain.assembly.pallets
        for call in pallet.declared.calls.values()
    ]
    definitions = {
        name: Call(chain.assembly.call(*name.split(".")).definition, ()) for name in calls
    }
    for wide, narrow in itertools.product(ProxyType, ProxyType):
        if wide.is_superset(narrow):
            for call in definitions.values():
                assert wide.permits(call) or not narrow.permits(call), (wide, narrow, call.name)


def test_what_types_permit_exists(chain: Chain) -> None:
    names = {pallet.name for pallet in chain.assembly.pallets}
    for permitted in PERMITTED.values():
        assert {each.split(".")[0] for each in permitted} <= names


# ------------------------------------------------------------------------- announcements


def announced(chain: Chain, call: Call) -> bytes:
    digest = blake2_256(chain.assembly.call_codec.encode(call))
    block = chain.succeeds(BOB, "Proxy.announce", ALICE, digest)
    assert block.event(Announced) == Announced(ALICE, BOB, digest)
    return digest


def test_a_delayed_delegate_announces_and_waits(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any, delay=3)
    call = send(chain)
    assert chain.fails(BOB, "Proxy.proxy", ALICE, None, call) == "Proxy.Unannounced"
    announced(chain, call)
    assert chain.held(BOB) == ANNOUNCEMENT_DEPOSIT_BASE + ANNOUNCEMENT_DEPOSIT_FACTOR
    arguments = (BOB, ALICE, None, call)
    for _ in range(2):
        assert chain.fails(CHARLIE, "Proxy.proxy_announced", *arguments) == "Proxy.Unannounced"
    block = chain.succeeds(CHARLIE, "Proxy.proxy_announced", *arguments)
    assert block.event(ProxyExecuted).result == Ok()
    assert (chain.free(ERIN), chain.held(BOB)) == (UNIT, 0)
    assert chain.fails(CHARLIE, "Proxy.proxy_announced", *arguments) == "Proxy.Unannounced"


def test_the_account_rejects_what_was_announced(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any, delay=1)
    call = send(chain)
    digest = announced(chain, call)
    assert chain.fails(CHARLIE, "Proxy.reject_announcement", BOB, digest) == "Proxy.NotFound"
    chain.succeeds(ALICE, "Proxy.reject_announcement", BOB, digest)
    assert chain.held(BOB) == 0
    assert chain.fails(BOB, "Proxy.proxy_announced", BOB, ALICE, None, call) == "Proxy.Unannounced"


def test_a_guardian_may_reject_and_nothing_else(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any, delay=1)
    delegate(chain, ALICE, CHARLIE, ProxyType.CancelProxy)
    digest = announced(chain, send(chain))
    assert act(chain, CHARLIE, ALICE, send(chain)) == FILTERED
    assert act(chain, CHARLIE, ALICE, chain.call("System.remark", b"")) == FILTERED
    reject = chain.call("Proxy.reject_announcement", BOB, digest)
    assert act(chain, CHARLIE, ALICE, reject) == Ok()


def test_an_announcement_is_taken_back(chain: Chain) -> None:
    delegate(chain, ALICE, BOB, ProxyType.Any, delay=1)
    digest = announced(chain, send(chain))
    chain.succeeds(BOB, "Proxy.remove_announcement", ALICE, digest)
    assert chain.held(BOB) == 0


# ------------------------------------------------------------------------- pure accounts


def test_a_pure_account_is_controlled_by_its_delegates_alone(chain: Chain) -> None:
    block = chain.succeeds(ALICE, "Proxy.create_pure", ProxyType.Any, 0, 9)
    pure = pure_account(ALICE, ProxyType.Any, 9, 1, 1)
    assert block.event(PureCreated) == PureCreated(pure, ALICE, ProxyType.Any, 9)
    chain.succeeds(DAVE, "Balances.transfer_keep_alive", pure, 100 * UNIT)
    assert act(chain, ALICE, pure, chain.call("Proxy.add_proxy", BOB, ProxyType.Any, 0)) == Ok()
    assert act(chain, BOB, pure, send(chain)) == Ok()
    assert chain.held(pure) == proxy_deposit(2) - proxy_deposit(1)


def test_a_pure_account_given_up_returns_every_deposit_to_who_paid_it(chain: Chain) -> None:
    chain.succeeds(ALICE, "Proxy.create_pure", ProxyType.Any, 0, 0)
    pure = pure_account(ALICE, ProxyType.Any, 0, 1, 1)
    chain.succeeds(DAVE, "Balances.transfer_keep_alive", pure, 100 * UNIT)
    act(chain, ALICE, pure, chain.call("Proxy.add_proxy", BOB, ProxyType.NonTransfer, 0))
    kill = chain.call("Proxy.kill_pure", ALICE, ProxyType.Any, 0, 1, 1)
    assert act(chain, BOB, pure, kill) == FILTERED
    assert chain.fails(ALICE, kill) == "Proxy.NoPermission"
    assert act(chain, ALICE, pure, kill) == Ok()
    assert (chain.held(ALICE), chain.held(pure)) == (0, 0)
    assert chain.free(pure) == 100 * UNIT
    assert chain.fails(ALICE, "Proxy.proxy", pure, None, send(chain)) == "Proxy.NotProxy"


def test_a_pure_account_that_removes_its_proxies_returns_the_deposit_too(chain: Chain) -> None:
    chain.succeeds(ALICE, "Proxy.create_pure", ProxyType.Any, 0, 0)
    pure = pure_account(ALICE, ProxyType.Any, 0, 1, 1)
    assert act(chain, ALICE, pure, chain.call("Proxy.remove_proxies")) == Ok()
    assert chain.held(ALICE) == 0


def test_two_pure_accounts_in_one_call_need_two_indexes(chain: Chain) -> None:
    one, two = (chain.call("Proxy.create_pure", ProxyType.Any, 0, index) for index in (0, 1))
    assert chain.fails(ALICE, "Utility.batch_all", (one, one)) == "Proxy.Duplicate"
    chain.succeeds(ALICE, "Utility.batch_all", (one, two))
    assert chain.free(ALICE) < ENDOWMENT - 2 * proxy_deposit(1)
