"""Slots as they begin, by the wall clock; deadlines by the monotonic one."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

from gongshe.consensus.slots import slot_at
from gongshe.node.messages import SlotStarted

FILL_SHARE = (1, 2)
"""Of a slot, how long an author adds extrinsics: the root, the write and the news of the block
take the rest of the two thirds it may spend."""

LONGEST_SLEEP_SECONDS = 1.0
"""A sleeping clock looks again this often, so that a step of the wall clock is noticed."""


def now_ms() -> int:
    """Return the wall clock, in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Deadline:
    """Until when an author adds extrinsics to the block at hand; set per slot."""

    def __init__(self) -> None:
        self._until = 0.0

    def set_for(self, elapsed_ms: int, duration_ms: int) -> None:
        """Allow the share of a slot of which `elapsed_ms` are gone."""
        left_ms = duration_ms * FILL_SHARE[0] // FILL_SHARE[1] - elapsed_ms
        self._until = time.monotonic() + left_ms / 1_000

    def lift(self) -> None:
        """Allow any time: an instantly sealed block is bounded by its weight alone."""
        self._until = float("inf")

    def is_late(self) -> bool:
        """Tell whether the author must close the block."""
        return time.monotonic() >= self._until


async def tell_slots(duration_ms: int, tell: Callable[[SlotStarted], None]) -> None:
    """Tell of every slot as it begins, for ever; slots slept through are not made up for.

    When the wall clock steps back, nothing is told until the highest slot told is passed.
    """
    told = -1
    while True:
        now = now_ms()
        slot = slot_at(now, duration_ms)
        if slot > told:
            told = slot
            tell(SlotStarted(slot, now))
            continue
        left_ms = (told + 1) * duration_ms - now
        await trio.sleep(min(left_ms / 1_000, LONGEST_SLEEP_SECONDS))
