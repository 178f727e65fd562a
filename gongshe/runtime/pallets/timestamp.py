"""Timestamp: the time of a block, told by its author and bound to its slot."""

from __future__ import annotations

from gongshe.primitives.scale import CompactU64, u64
from gongshe.primitives.types import DispatchClass, Pays, Weight
from gongshe.runtime.items import Value
from gongshe.runtime.pallet import Constant, Pallet, Unsigned, call
from gongshe.runtime.pallets.aura import DEFAULT_SLOT_MS, Aura
from gongshe.runtime.validity import BlockRefused
from gongshe.runtime.weights import READ, WRITE, cost


class Timestamp(Pallet, index=1):
    """On-chain time, in milliseconds since 1970."""

    aura: Aura

    constants = (
        Constant(
            "MinimumPeriod",
            u64,
            DEFAULT_SLOT_MS // 2,
            "The least time between blocks: half a slot (a chain with other slots halves those).",
        ),
    )

    now: Value[u64] = Value(default=0)
    """The time of the present block."""

    did_update: Value[bool] = Value()
    """Whether the time was told in the present block; absent between blocks."""

    @call(
        0,
        weight=cost(12, reads=2),
        dispatch_class=DispatchClass.Mandatory,
        pays=Pays.No,
    )
    def set(self, origin: Unsigned, now: CompactU64) -> None:
        """Set the current time: once per block, within the block's slot."""
        duration = self.aura.slot_duration.value
        earliest = self.earliest()
        slot = self.aura.current_slot.value
        if self.did_update.exists():
            raise BlockRefused("the time must be set exactly once", "a second time")
        if self.now.value and now < earliest:
            raise BlockRefused(f"a time of {earliest} or later expected", now)
        if now // duration != slot:
            raise BlockRefused(f"a time within slot {slot} expected", now)

        self.now.value = now
        self.did_update.value = True

    def earliest(self) -> int:
        """Return the earliest time that the present block may tell: half a slot after the last."""
        return self.now.value + self.aura.slot_duration.value // 2

    def on_initialize(self, number: int) -> Weight:
        """Reserve the weight of on_finalize."""
        return READ + WRITE

    def on_finalize(self, number: int) -> None:
        """Refuse a block that did not tell its time."""
        if not self.did_update.exists():
            raise BlockRefused("the time must be set exactly once", "no time")
        self.did_update.clear()
