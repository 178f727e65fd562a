"""The tree of heads: ways between blocks, and what finality leaves of it."""

from __future__ import annotations

import pytest

from gongshe.chain import heads as room
from gongshe.chain.heads import Heads, Route, TreeFull, UnknownParent
from gongshe.consensus.fork_choice import Head, is_better


def name(text: str) -> bytes:
    return text.encode().ljust(32, b".")


def tree(*lines: str) -> Heads:
    """A tree over `0`; a block's slot is the order in which it was drawn, times ten."""
    heads = Heads(Head(name("0"), 0, bytes(32), -1))
    slot = 0
    for line in lines:
        parent, *children = line.split()
        for child in children:
            slot += 10
            number = heads.head(name(parent)).number + 1
            heads.add(Head(name(child), number, name(parent), slot))
            parent = child
    return heads


def texts(hashes: tuple[bytes, ...] | list[bytes]) -> str:
    return " ".join(each.rstrip(b".").decode() for each in hashes)


def route(heads: Heads, start: str, end: str) -> tuple[str, str]:
    found: Route = heads.route(heads.head(name(start)), heads.head(name(end)))
    return texts(found.retracted), texts(found.enacted)


FORKS = ("0 a1 a2 a3", "a1 b2 b3 b4", "0 c1")


@pytest.mark.parametrize(
    ("start", "end", "retracted", "enacted"),
    [
        ("a3", "a3", "", ""),
        ("a1", "a3", "", "a2 a3"),
        ("a3", "a1", "a2 a3", ""),
        ("a3", "b4", "a2 a3", "b2 b3 b4"),
        ("b4", "a2", "b2 b3 b4", "a2"),
        ("c1", "b4", "c1", "a1 b2 b3 b4"),
        ("a2", "c1", "a1 a2", "c1"),
        ("0", "c1", "", "c1"),
        ("c1", "0", "c1", ""),
    ],
)
def test_a_route_leaves_and_joins_blocks_in_ascending_order(
    start: str, end: str, retracted: str, enacted: str
) -> None:
    assert route(tree(*FORKS), start, end) == (retracted, enacted)


def test_the_longest_chain_is_best_then_the_earlier_slot_then_the_hash() -> None:
    heads = tree("0 a1", "0 b1", "b1 b2")
    assert texts([heads.best.block_hash]) == "b2"
    heads.add(Head(name("a2"), 2, name("a1"), 15))  # b2 has slot 30
    assert texts([heads.best.block_hash]) == "a2"
    low, high = (Head(bytes((byte,)) * 32, 2, name("a1"), 15) for byte in (1, 2))
    assert is_better(low, high)
    assert not is_better(high, low)
    assert not is_better(low, low)


@pytest.mark.parametrize(
    ("final", "abandoned", "left", "best"),
    [
        ("0", "", "a1 c1 a2 b2 a3 b3 b4", "b4"),
        ("a1", "c1", "a2 b2 a3 b3 b4", "b4"),
        ("a2", "c1 b2 b3 b4", "a3", "a3"),
        ("a3", "c1 b2 b3 b4", "", "a3"),
        ("b3", "c1 a2 a3", "b4", "b4"),
        ("c1", "a1 a2 b2 a3 b3 b4", "", "c1"),
    ],
)
def test_finality_abandons_what_does_not_descend_from_it(
    final: str, abandoned: str, left: str, best: str
) -> None:
    heads = tree(*FORKS)
    assert texts([head.block_hash for head in heads.abandoned_by(name(final))]) == abandoned
    heads.finalize(name(final))
    assert texts([head.block_hash for head in heads.unfinalized()]) == left
    assert texts([heads.finalized.block_hash, heads.best.block_hash]) == f"{final} {best}"


def test_of_several_forks_left_the_best_is_found_anew() -> None:
    heads = tree("0 a1 a2 a3 a4 a5", "0 b1 b2", "b1 c2 c3", "b1 d2 d3")
    heads.finalize(name("b1"))
    assert texts([heads.best.block_hash]) == "c3"


def test_what_is_not_in_the_tree_has_no_place() -> None:
    heads = tree(*FORKS)
    heads.finalize(name("a2"))
    for gone in ("c1", "b4", "a1", "never"):
        assert name(gone) not in heads
        with pytest.raises(UnknownParent):
            heads.add(Head(name("x"), 9, name(gone), 900))
        with pytest.raises(UnknownParent):
            heads.finalize(name(gone))
    assert texts([head.block_hash for head in heads.unfinalized()]) == "a3"


def test_a_copy_goes_its_own_way() -> None:
    heads = tree(*FORKS)
    copied = heads.copy()
    copied.add(Head(name("a4"), 4, name("a3"), 5))
    copied.finalize(name("a3"))
    assert len(heads) == 8
    assert texts([heads.best.block_hash, heads.finalized.block_hash]) == "b4 0"
    assert texts([copied.best.block_hash, copied.finalized.block_hash]) == "a4 a3"


def test_the_tree_has_room_for_so_many_blocks_and_makes_more_by_finality(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "MAX_UNFINALIZED", 3)
    heads = tree("0 a1 a2 a3")
    with pytest.raises(TreeFull):
        heads.add(Head(name("a4"), 4, name("a3"), 90))
    assert len(heads) == 4
    heads.finalize(name("a1"))
    heads.add(Head(name("a4"), 4, name("a3"), 90))
    with pytest.raises(TreeFull):
        heads.check_room()
