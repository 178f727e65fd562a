"""Aura: whose slot it is, and that every block claims a later slot than its parent.

The authorities are a *slot schedule* (consensus.md C1): an entry may repeat, and the leader of a
slot is `authorities[slot mod length]`. Existing light clients know this as plain Aura.
"""

from __future__ import annotations

from typing import Annotated, Any

from gongshe.primitives.header import AURA, PreRuntime
from gongshe.primitives.scale import AtMost, FixedBytes, UInt, u32, u64
from gongshe.primitives.schema import codec_of
from gongshe.primitives.types import Weight
from gongshe.runtime.items import Value
from gongshe.runtime.pallet import Constant, InvariantBroken, Pallet
from gongshe.runtime.pallets.system import System
from gongshe.runtime.validity import BlockRefused
from gongshe.runtime.weights import READ, WRITE

MAX_SCHEDULE = 4_096
"""Entries of a slot schedule: four for each of a thousand validators."""

DEFAULT_SLOT_MS = 3_000
"""Milliseconds of a slot where the chain spec says nothing."""

AuthorityId = Annotated[bytes, FixedBytes(32, "sp_consensus_aura::sr25519::app_sr25519::Public")]
Slot = Annotated[int, UInt(8, "Slot")]
SLOT = codec_of(u64)


class Aura(Pallet, index=5):
    """The slot schedule and the slot of the present block."""

    system: System

    constants = (Constant("MaxAuthorities", u32, MAX_SCHEDULE, "The longest slot schedule."),)

    authorities: Value[Annotated[tuple[AuthorityId, ...], AtMost(MAX_SCHEDULE)]] = Value(default=())
    """The slot schedule: the leader of a slot is the entry at slot modulo length."""

    current_slot: Value[Slot] = Value(default=0)
    """The slot of the present block."""

    slot_duration: Value[u64] = Value(default=DEFAULT_SLOT_MS)
    """Milliseconds of a slot, fixed at genesis."""

    def on_genesis(self, config: Any) -> None:
        """Write the schedule: `{"authorities": [public keys], "slotDuration": milliseconds}`."""
        self.authorities.value = tuple(config["authorities"])
        self.slot_duration.value = config["slotDuration"]

    def on_initialize(self, number: int) -> Weight:
        """Take the slot that the header claims; it must be later than the parent's."""
        claims = [
            item.data
            for item in self.system.digest.value.logs
            if isinstance(item, PreRuntime) and item.engine == AURA
        ]
        if len(claims) != 1 or len(claims[0]) != 8:
            raise BlockRefused("exactly one aura slot claim expected in the digest", len(claims))
        slot: int = SLOT.decode(claims[0])
        if slot <= self.current_slot.value:
            raise BlockRefused(f"a slot after {self.current_slot.value} expected", slot)
        self.current_slot.value = slot
        return READ + WRITE

    def check_invariants(self) -> None:
        """Somebody leads each slot, and slots have a length."""
        if not self.authorities.value or not self.slot_duration.value:
            raise InvariantBroken("the slot schedule is empty or slots have no length")
