"""Slots: when one begins, whose it is, and how a header claims and seals it.

Aura's rule over a slot schedule (consensus decisions C1, C2, C8): the leader of a slot is
`schedule[slot mod length]`; a header claims its slot in one pre-runtime item and its last item is
the leader's sr25519 signature over the hash of the header without it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gongshe.primitives.crypto import Scheme, blake2_256, verify
from gongshe.primitives.header import AURA, Header, PreRuntime, Seal
from gongshe.primitives.scale import ScaleError, u64
from gongshe.primitives.schema import codec_of

SLOT = codec_of(u64)


class HeaderRefused(Exception):
    """A header that breaks a rule of authoring, whatever its block contains."""

    def __init__(self, expected: object, found: object) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected, self.found = expected, found


def slot_at(unix_ms: int, duration_ms: int) -> int:
    """Return the slot that contains a moment, both in milliseconds."""
    return unix_ms // duration_ms


def leader(schedule: Sequence[bytes], slot: int) -> bytes:
    """Return the sr25519 public key of whoever may author in this slot."""
    if not schedule:
        raise HeaderRefused("a slot schedule", "an empty one")
    return schedule[slot % len(schedule)]


def slot_claim(slot: int) -> PreRuntime:
    """Return the digest item that claims a slot."""
    return PreRuntime(AURA, SLOT.encode(slot))


def claimed_slot(header: Header) -> int:
    """Return the slot that a header claims; HeaderRefused unless it claims exactly one."""
    claims = [
        item.data
        for item in header.digest.logs
        if isinstance(item, PreRuntime) and item.engine == AURA
    ]
    if len(claims) != 1:
        raise HeaderRefused("one claim of a slot", len(claims))
    try:
        slot: int = SLOT.decode(claims[0])
    except ScaleError as fault:
        raise HeaderRefused("a slot of eight bytes", str(fault)) from None
    return slot


def seal_message(unsealed: Header) -> bytes:
    """Return what the leader signs: the hash of the header without its seal."""
    return blake2_256(unsealed.encode())


def check_claim(header: Header, parent_slot: int, schedule: Sequence[bytes]) -> int:
    """Return the slot of a header that was sealed by its leader; HeaderRefused otherwise.

    `parent_slot` is the parent's, or −1 for genesis; `schedule` is the one in force there.
    """
    unsealed, seal = header.unsealed()
    if seal is None or seal.engine != AURA:
        raise HeaderRefused("an aura seal as the last digest item", "none")
    if any(isinstance(item, Seal) for item in unsealed.digest.logs):
        raise HeaderRefused("one seal", "several")
    slot = claimed_slot(header)
    if slot <= parent_slot:
        raise HeaderRefused(f"a slot after the parent's {parent_slot}", slot)
    author = leader(schedule, slot)
    if not verify(Scheme.SR25519, author, seal.data, seal_message(unsealed)):
        raise HeaderRefused(f"the seal of 0x{author.hex()}, who leads slot {slot}", "another's")
    return slot
