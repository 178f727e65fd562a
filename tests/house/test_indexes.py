"""No index is ever given a second meaning."""

from __future__ import annotations

from tests.house.indexes import (
    complaints,
    declared_indexes,
    events_without_index,
    remembered_indexes,
)


def test_every_index_means_what_it_has_always_meant() -> None:
    found = complaints(declared_indexes(), remembered_indexes())
    assert not found, "\n".join(found)


def test_every_event_has_an_index() -> None:
    assert events_without_index() == []


def test_a_moved_index_is_refused() -> None:
    remembered = {"Parcels calls": {"0": "send", "1": "receive"}}
    assert complaints({"Parcels calls": {"0": "receive"}}, remembered) == [
        "Parcels calls: 0 was send and may never mean receive"
    ]


def test_a_retired_index_stays_taken() -> None:
    """The code no longer has `send`; its number is not free for `weigh`."""
    remembered = {"Parcels calls": {"0": "send", "1": "receive"}}
    assert complaints({"Parcels calls": {"1": "receive"}}, remembered) == []
    assert len(complaints({"Parcels calls": {"0": "weigh", "1": "receive"}}, remembered)) == 1


def test_a_new_index_must_be_entered() -> None:
    (complaint,) = complaints({"Parcels calls": {"2": "weigh"}}, {"Parcels calls": {}})
    assert "is new" in complaint
