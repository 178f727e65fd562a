"""Items: typed windows onto the state, under the keys where every client looks for them."""

from __future__ import annotations

import pytest

from gongshe.primitives.crypto import blake2_128_concat, twox_64_concat, twox_128
from gongshe.primitives.scale import u8, u32
from gongshe.primitives.types import AccountId
from gongshe.runtime.executive import Runtime
from gongshe.runtime.items import (
    Blake2_128Concat,
    DoubleMap,
    Identity,
    Map,
    StateMissing,
    TripleMap,
    Twox64Concat,
    Value,
    camel_case,
)
from gongshe.runtime.overlay import EmptyState, Overlay
from gongshe.runtime.pallet import Event, Pallet
from gongshe.runtime.pallets.assets import Assets
from gongshe.runtime.pallets.system import System
from gongshe.runtime.versions import VERSION_1

ALICE = b"a" * 32


class Shelf(Pallet, index=201):
    """One item of each kind."""

    plain: Value[u32] = Value()
    """A value without a default."""

    with_default: Value[u32] = Value(default=7)
    """A value with one."""

    by_number: Map[u8, u32] = Map(Twox64Concat, default=0)
    """A map."""

    by_two: DoubleMap[u8, AccountId, u32] = DoubleMap(Twox64Concat, Blake2_128Concat)
    """A map from two keys."""

    by_three: TripleMap[u8, AccountId, u8, u32] = TripleMap(
        Twox64Concat, Blake2_128Concat, Identity
    )
    """A map from three keys."""


@pytest.fixture
def shelf() -> Shelf:
    state = Overlay(EmptyState())
    return Shelf(state, Runtime(VERSION_1, state))


def test_a_value_is_missing_until_it_is_set(shelf: Shelf) -> None:
    assert shelf.plain.get() is None
    with pytest.raises(StateMissing, match=r"Shelf\.Plain"):
        _ = shelf.plain.value
    shelf.plain.value = 0
    assert (shelf.plain.value, shelf.plain.exists()) == (0, True)
    shelf.plain.clear()
    assert shelf.plain.get() is None


def test_a_default_is_read_and_not_stored(shelf: Shelf) -> None:
    assert (shelf.with_default.value, shelf.with_default.exists()) == (7, False)
    assert shelf.state.changes() == {}


def test_a_map_reads_like_a_dictionary(shelf: Shelf) -> None:
    assert shelf.by_number[3] == 0
    assert 3 not in shelf.by_number
    shelf.by_number[3] = 30
    shelf.by_number[4] = 40
    assert (shelf.by_number.get(3), shelf.by_number.get(5)) == (30, None)
    assert sorted(shelf.by_number.items()) == [(3, 30), (4, 40)]
    assert sorted(shelf.by_number) == [3, 4]
    del shelf.by_number[3]
    assert list(shelf.by_number.items()) == [(4, 40)]


def test_entries_are_listed_on_from_any_of_them(shelf: Shelf) -> None:
    for number in range(10):
        shelf.by_number[number] = number
    everything = list(shelf.by_number.items())
    first = everything[0][0]
    assert list(shelf.by_number.items(after=shelf.by_number.key(first))) == everything[1:]


def test_maps_of_more_keys_list_what_is_under_the_first(shelf: Shelf) -> None:
    bob = b"b" * 32
    shelf.by_two[1, ALICE] = 11
    shelf.by_two[1, bob] = 12
    shelf.by_two[2, ALICE] = 21
    assert dict(shelf.by_two.under(1)) == {ALICE: 11, bob: 12}
    shelf.by_three[1, ALICE, 5] = 115
    shelf.by_three[2, ALICE, 5] = 215
    assert dict(shelf.by_three.under(1)) == {(ALICE, 5): 115}
    assert dict(shelf.by_three.items()) == {(1, ALICE, 5): 115, (2, ALICE, 5): 215}
    assert (2, bob) not in shelf.by_two
    with pytest.raises(StateMissing):
        _ = shelf.by_two[2, bob]


def test_keys_are_hashed_as_every_client_expects() -> None:
    account = System.declared.items["account"]
    assert isinstance(account, Map)
    assert account.prefix == twox_128(b"System") + twox_128(b"Account")
    assert account.key(ALICE) == account.prefix + blake2_128_concat(ALICE)
    block_hash = System.declared.items["block_hash"]
    assert isinstance(block_hash, Map)
    number = (300).to_bytes(4, "little")
    assert block_hash.key(300) == block_hash.prefix + twox_64_concat(number)


def test_a_pallet_in_several_files_is_one_pallet() -> None:
    declared = Assets.declared
    assert set(declared.items) == {"asset", "account", "approvals", "metadata", "next_asset_id"}
    assert sorted(declared.calls) == list(range(33))
    assert all(definition.pallet is Assets for definition in declared.calls.values())
    assert declared.items["asset"].docs == "Details of an asset."
    assert len(declared.events) == 24


def test_two_events_on_one_index_are_refused() -> None:
    with pytest.raises(TypeError, match="index 0 is taken"):

        class Crowded(Pallet, index=202):
            """Its module has two events on one index."""


class One(Event, index=0):
    """The first."""


class Other(Event, index=0):
    """The second."""


def test_names_are_those_of_clients() -> None:
    assert camel_case("next_fee_multiplier") == "NextFeeMultiplier"
