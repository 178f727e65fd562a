"""The overlay: writes over a reader, transactions that nest and are undone whole."""

from __future__ import annotations

import pytest

from gongshe.primitives.scale import Codec, u32
from gongshe.primitives.schema import codec_of
from gongshe.runtime.overlay import MAX_TRANSACTION_DEPTH, CorruptState, Overlay
from tests.runtime_chain import State

NUMBER: Codec = codec_of(u32)


def raw(number: int) -> bytes:
    return NUMBER.encode(number)


@pytest.fixture
def overlay() -> Overlay:
    return Overlay(State({b"a1": raw(1), b"a3": raw(3), b"b": raw(9)}))


def listed(overlay: Overlay, after: bytes | None = None) -> list[tuple[bytes, int]]:
    return list(overlay.pairs(b"a", NUMBER, after))


def test_writes_stand_over_what_was_there(overlay: Overlay) -> None:
    overlay.write(b"a1", NUMBER, 5)
    overlay.write(b"a2", NUMBER, 2)
    overlay.write(b"b", NUMBER, None)
    assert [overlay.read(key, NUMBER) for key in (b"a1", b"a2", b"a3", b"b")] == [5, 2, 3, None]
    assert overlay.changes() == {b"a1": raw(5), b"a2": raw(2), b"b": None}


def test_what_came_and_went_within_a_block_is_no_change(overlay: Overlay) -> None:
    overlay.write(b"new", NUMBER, 5)
    overlay.write(b"new", NUMBER, None)
    assert overlay.changes() == {}


def test_pairs_are_in_order_as_they_stand_now(overlay: Overlay) -> None:
    overlay.write(b"a2", NUMBER, 2)
    overlay.write(b"a4", NUMBER, 4)
    overlay.write(b"a3", NUMBER, None)
    overlay.write(b"a1", NUMBER, 7)
    assert listed(overlay) == [(b"a1", 7), (b"a2", 2), (b"a4", 4)]
    assert listed(overlay, after=b"a1") == [(b"a2", 2), (b"a4", 4)]
    assert listed(overlay, after=b"a2") == [(b"a4", 4)]


def test_entries_may_be_removed_while_they_are_listed(overlay: Overlay) -> None:
    overlay.write(b"a2", NUMBER, 2)
    for key, _ in overlay.pairs(b"a", NUMBER):
        overlay.write(key, NUMBER, None)
    assert listed(overlay) == []


def test_a_transaction_is_undone_whole_or_kept(overlay: Overlay) -> None:
    overlay.write(b"a1", NUMBER, 10)
    overlay.begin()
    overlay.write(b"a1", NUMBER, 11)
    overlay.events.append(b"outer")
    overlay.begin()
    overlay.write(b"a1", NUMBER, 12)
    overlay.write(b"a3", NUMBER, None)
    overlay.events.append(b"inner")
    overlay.roll_back()
    assert (overlay.read(b"a1", NUMBER), overlay.read(b"a3", NUMBER)) == (11, 3)
    assert overlay.events == [b"outer"]
    overlay.begin()
    overlay.write(b"a2", NUMBER, 2)
    overlay.commit()
    overlay.roll_back()
    assert (overlay.read(b"a1", NUMBER), overlay.read(b"a2", NUMBER)) == (10, None)
    assert overlay.events == []
    assert overlay.changes() == {b"a1": raw(10)}


def test_transactions_have_a_bound(overlay: Overlay) -> None:
    for _ in range(MAX_TRANSACTION_DEPTH):
        overlay.begin()
    with pytest.raises(RuntimeError, match="nested more than"):
        overlay.begin()


def test_a_block_does_not_end_inside_a_transaction(overlay: Overlay) -> None:
    overlay.begin()
    with pytest.raises(RuntimeError, match="inside a transaction"):
        overlay.changes()


def test_bytes_are_decoded_by_the_next_typed_read(overlay: Overlay) -> None:
    overlay.write_encoded(b"a1", raw(77))
    assert listed(overlay)[0] == (b"a1", 77)
    assert overlay.read(b"a1", NUMBER) == 77
    overlay.write(b"a1", NUMBER, 78)
    assert overlay.changes() == {b"a1": raw(78)}


def test_bytes_are_undone_with_their_transaction(overlay: Overlay) -> None:
    overlay.write_encoded(b"a1", raw(70))
    overlay.begin()
    overlay.write_encoded(b"a1", b"rubbish")
    overlay.write(b"a1", NUMBER, 71)
    overlay.roll_back()
    assert overlay.changes() == {b"a1": raw(70)}
    assert overlay.read(b"a1", NUMBER) == 70


def test_a_value_that_cannot_be_read_is_named_by_its_key(overlay: Overlay) -> None:
    overlay.write_encoded(b"a1", b"x")
    with pytest.raises(CorruptState, match=b"a1".hex()):
        overlay.read(b"a1", NUMBER)
