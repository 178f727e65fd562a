"""Preimage: bytes under their hash, as long as an owner or the chain wants them."""

from __future__ import annotations

import pytest

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.types import Pays
from gongshe.runtime.pallets.preimage import (
    DEPOSIT_BASE,
    DEPOSIT_PER_BYTE,
    MAX_SIZE,
    Cleared,
    HashRequested,
    Noted,
    Preimage,
    RequestedStatus,
    Ticket,
    UnrequestedStatus,
)
from gongshe.runtime.pallets.system import ExtrinsicSuccess
from tests.runtime_chain import ALICE, BOB, ENDOWMENT, Chain

TEXT = b"what was meant"
HASH = blake2_256(TEXT)
DEPOSIT = DEPOSIT_BASE + DEPOSIT_PER_BYTE * len(TEXT)


@pytest.fixture
def chain() -> Chain:
    return Chain()


def kept(chain: Chain) -> bytes | None:
    return chain.pallet(Preimage).fetch(HASH)


def test_a_note_is_kept_against_a_deposit_and_taken_back(chain: Chain) -> None:
    block = chain.succeeds(ALICE, "Preimage.note_preimage", TEXT)
    assert block.event(Noted).hash_ == HASH
    assert (kept(chain), chain.held(ALICE)) == (TEXT, DEPOSIT)
    status = chain.pallet(Preimage).request_status_for[HASH]
    assert status == UnrequestedStatus((ALICE, Ticket(DEPOSIT)), len(TEXT))
    assert chain.fails(BOB, "Preimage.note_preimage", TEXT) == "Preimage.AlreadyNoted"
    assert chain.fails(BOB, "Preimage.unnote_preimage", HASH) == "Preimage.NotAuthorized"
    block = chain.succeeds(ALICE, "Preimage.unnote_preimage", HASH)
    assert block.event(Cleared).hash_ == HASH
    assert (kept(chain), chain.held(ALICE)) == (None, 0)
    assert chain.fails(ALICE, "Preimage.unnote_preimage", HASH) == "Preimage.NotNoted"


def test_what_the_chain_requested_is_noted_free_of_charge_once(chain: Chain) -> None:
    assert chain.root("Preimage.request_preimage", HASH).event(HashRequested).hash_ == HASH
    block = chain.succeeds(BOB, "Preimage.note_preimage", TEXT)
    assert block.events(ExtrinsicSuccess)[1].dispatch_info.pays_fee is Pays.No
    assert (kept(chain), chain.free(BOB)) == (TEXT, ENDOWMENT)
    assert chain.fails(ALICE, "Preimage.note_preimage", TEXT) == "Preimage.AlreadyNoted"
    assert chain.fails(BOB, "Preimage.unnote_preimage", HASH) == "Preimage.NotAuthorized"
    chain.root("Preimage.unrequest_preimage", HASH)
    assert kept(chain) is None


def test_an_owner_of_what_is_requested_gets_the_deposit_and_the_bytes_stay(chain: Chain) -> None:
    chain.succeeds(ALICE, "Preimage.note_preimage", TEXT)
    chain.root("Preimage.request_preimage", HASH)
    chain.succeeds(ALICE, "Preimage.unnote_preimage", HASH)
    assert (kept(chain), chain.held(ALICE)) == (TEXT, 0)
    chain.root("Preimage.unrequest_preimage", HASH)
    assert kept(chain) is None


def test_what_is_no_longer_requested_goes_back_to_its_owner(chain: Chain) -> None:
    chain.succeeds(ALICE, "Preimage.note_preimage", TEXT)
    chain.root("Preimage.request_preimage", HASH)
    chain.root("Preimage.request_preimage", HASH)
    chain.root("Preimage.unrequest_preimage", HASH)
    status = chain.pallet(Preimage).request_status_for[HASH]
    assert status == RequestedStatus((ALICE, Ticket(DEPOSIT)), 1, len(TEXT))
    chain.root("Preimage.unrequest_preimage", HASH)
    assert (kept(chain), chain.held(ALICE)) == (TEXT, DEPOSIT)
    assert chain.root_fails("Preimage.unrequest_preimage", HASH) == "Preimage.NotRequested"


def test_a_request_for_what_never_came_leaves_nothing(chain: Chain) -> None:
    chain.root("Preimage.request_preimage", HASH)
    chain.root("Preimage.unrequest_preimage", HASH)
    assert HASH not in chain.pallet(Preimage).request_status_for


def test_root_notes_for_the_chain(chain: Chain) -> None:
    chain.root("Preimage.note_preimage", TEXT)
    assert chain.pallet(Preimage).request_status_for[HASH] == RequestedStatus(None, 1, len(TEXT))
    chain.root("Preimage.unnote_preimage", HASH)
    assert kept(chain) is None


def test_root_takes_over_what_a_user_noted(chain: Chain) -> None:
    chain.succeeds(ALICE, "Preimage.note_preimage", TEXT)
    chain.root("Preimage.note_preimage", TEXT)
    status = chain.pallet(Preimage).request_status_for[HASH]
    assert status == RequestedStatus((ALICE, Ticket(DEPOSIT)), 1, len(TEXT))


def test_root_removes_what_a_user_noted_and_the_user_gets_the_deposit(chain: Chain) -> None:
    chain.succeeds(ALICE, "Preimage.note_preimage", TEXT)
    chain.root("Preimage.unnote_preimage", HASH)
    assert (kept(chain), chain.held(ALICE)) == (None, 0)


def test_size_has_a_bound(chain: Chain) -> None:
    assert chain.fails(ALICE, "Preimage.note_preimage", bytes(MAX_SIZE + 1)) == "Preimage.TooBig"
    chain.succeeds(ALICE, "Preimage.note_preimage", bytes(MAX_SIZE))
    chain.succeeds(BOB, "Preimage.note_preimage", b"")
    assert chain.held(BOB) == DEPOSIT_BASE


def test_only_root_requests(chain: Chain) -> None:
    assert chain.fails(ALICE, "Preimage.request_preimage", HASH) == "BadOrigin"
    assert chain.fails(ALICE, "Preimage.unrequest_preimage", HASH) == "BadOrigin"
