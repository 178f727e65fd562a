"""Upgrades: another spec version holds from a height on, on nodes that ship it."""

from __future__ import annotations

import pytest

from gongshe.primitives.header import RuntimeEnvironmentUpdated
from gongshe.runtime.apis import APIS
from gongshe.runtime.assembly import Assembly, SpecVersionMissing
from gongshe.runtime.pallets.system import CodeUpdated
from gongshe.runtime.pallets.upgrades import (
    CODE,
    ScheduledUpgrade,
    UpgradeApplied,
    UpgradeCancelled,
    Upgrades,
    UpgradeScheduled,
)
from gongshe.runtime.versions import VERSION_1
from tests.mischief import Mischief
from tests.runtime_chain import ALICE, Chain

VERSION_2 = Assembly(2, (*VERSION_1.pallets, Mischief), APIS)
"""A next version for these tests: it has one more pallet."""


@pytest.fixture
def chain() -> Chain:
    return Chain(assemblies={1: VERSION_1, 2: VERSION_2})


def test_the_next_version_holds_from_its_height_on(chain: Chain) -> None:
    block = chain.root("Upgrades.schedule_upgrade", 2, 4)
    assert block.event(UpgradeScheduled) == UpgradeScheduled(2, 4)
    code = chain.state.get(CODE)
    chain.blocks(2)
    assert chain.assembly is VERSION_1
    with pytest.raises(LookupError):
        chain.call("Mischief.mark", 1)

    block = chain.block()
    assert (block.number, chain.assembly) == (4, VERSION_2)
    assert block.event(UpgradeApplied).spec_version == 2
    assert block.event(CodeUpdated)
    assert RuntimeEnvironmentUpdated() in block.outcome.digest.logs
    assert chain.pallet(Mischief).upgraded_from.get() == 1
    assert chain.system.last_runtime_upgrade.value.spec_version == 2
    assert chain.pallet(Upgrades).scheduled.get() is None
    assert chain.state.get(CODE) != code

    block = chain.succeeds(ALICE, "Mischief.mark", 5)
    assert not block.events(UpgradeApplied)
    assert RuntimeEnvironmentUpdated() not in block.outcome.digest.logs


def test_a_node_without_the_version_stops_before_its_block_and_says_what_to_install() -> None:
    chain = Chain(assemblies={1: VERSION_1})
    chain.root("Upgrades.schedule_upgrade", 2, 4)
    chain.blocks(2)
    before = chain.state
    with pytest.raises(SpecVersionMissing, match="install a gongshe release that ships 2") as stop:
        chain.block()
    assert (stop.value.wanted, stop.value.shipped) == (2, [1])
    assert chain.state is before
    chain.assemblies = {1: VERSION_1, 2: VERSION_2}
    chain.block()
    assert chain.assembly is VERSION_2


def test_a_node_that_ships_the_next_version_alone_cannot_go_before_it(chain: Chain) -> None:
    chain.assemblies = {2: VERSION_2}
    with pytest.raises(SpecVersionMissing, match="asks for spec version 1"):
        chain.block()


def test_an_upgrade_is_taken_back_or_replaced(chain: Chain) -> None:
    chain.root("Upgrades.schedule_upgrade", 2, 4)
    assert chain.root("Upgrades.cancel_upgrade").event(UpgradeCancelled).spec_version == 2
    assert chain.root_fails("Upgrades.cancel_upgrade") == "Upgrades.NothingScheduled"
    chain.blocks(2)
    assert chain.assembly is VERSION_1
    chain.root("Upgrades.schedule_upgrade", 2, 90)
    chain.root("Upgrades.schedule_upgrade", 3, 80)
    assert chain.pallet(Upgrades).scheduled.get() == ScheduledUpgrade(3, 80)


def test_what_must_not_be(chain: Chain) -> None:
    name = "Upgrades.schedule_upgrade"
    assert chain.root_fails(name, 1, 9) == "Upgrades.VersionMustIncrease"
    assert chain.root_fails(name, 2, 2) == "Upgrades.HeightInPast"
    assert chain.fails(ALICE, name, 2, 9) == "BadOrigin"


def test_code_holds_the_identity_of_the_runtime_from_genesis_on(chain: Chain) -> None:
    code = chain.state.get(CODE)
    assert code is not None
    assert code.startswith(b"gongshe 1")
