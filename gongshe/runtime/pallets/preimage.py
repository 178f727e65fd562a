"""Preimage: bytes kept under their hash, so that others can name them by it.

Whoever notes bytes places a deposit by length and may take both back, unless the chain itself
has requested them: then they stay until it no longer does.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, ClassVar

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record, Variants, replace
from gongshe.primitives.scale import H256, AtMost, u32
from gongshe.primitives.types import UNIT, AccountId, Balance, Pays
from gongshe.runtime.holds import HoldReason
from gongshe.runtime.items import Identity, Map
from gongshe.runtime.pallet import (
    CallError,
    Event,
    InvariantBroken,
    Pallet,
    PostDispatch,
    Root,
    Signed,
    call,
)
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.system import System
from gongshe.runtime.weights import cost

MAX_SIZE = 128 * 1024
"""Bytes of one preimage: a large governance call; rules are never uploaded on this chain."""

DEPOSIT_BASE = UNIT // 5
"""Held for each preimage: two entries of state."""

DEPOSIT_PER_BYTE = UNIT // 1_000
"""Held for each byte: a full preimage costs some hundred tokens until it is taken back."""

MAX_ARGUMENT = 4 * 1024 * 1024
"""Bytes that a call may bring; wider than what is kept, so that it meets a named error."""


class Ticket(
    Record, path="frame_support::traits::tokens::fungible::HoldConsideration", unnamed=True
):
    """What is held for a preimage."""

    amount: Balance


class RequestStatus(Variants, path="pallet_preimage::RequestStatus"):
    """Who keeps a preimage: its owner, or the chain."""

    scale_parameters: ClassVar[dict[str, Any]] = {"AccountId": AccountId, "Ticket": Ticket}


class UnrequestedStatus(RequestStatus, index=0, variant="Unrequested"):
    """Its owner alone."""

    ticket: tuple[AccountId, Ticket]
    len: u32


class RequestedStatus(RequestStatus, index=1, variant="Requested"):
    """The chain, `count` times over; it may not be there yet, and may have an owner beside."""

    maybe_ticket: tuple[AccountId, Ticket] | None
    count: u32
    maybe_len: u32 | None


class Noted(Event, index=0):
    """A preimage was noted."""

    hash_: H256


class HashRequested(Event, index=1, variant="Requested"):
    """The chain requested a preimage."""

    hash_: H256


class Cleared(Event, index=2):
    """A preimage was removed."""

    hash_: H256


class TooBig(CallError, index=0):
    """Preimage is too large to store on-chain."""


class AlreadyNoted(CallError, index=1):
    """Preimage has already been noted on-chain."""


class NotAuthorized(CallError, index=2):
    """The user is not authorized to perform this action."""


class NotNoted(CallError, index=3):
    """The preimage cannot be removed since it has not yet been noted."""


class NotRequested(CallError, index=5):
    """The preimage request cannot be removed since no outstanding requests exist."""


class Preimage(Pallet, index=13):
    """Bytes by their hash."""

    system: System
    balances: Balances

    request_status_for: Map[H256, RequestStatus] = Map(Identity)
    """The request status of a given hash."""

    preimage_for: Map[tuple[H256, u32], Annotated[bytes, AtMost(MAX_SIZE)]] = Map(Identity)
    """The bytes of a given hash and length."""

    @call(0, weight=lambda bytes_: cost(60 + len(bytes_) // 400, reads=3))
    def note_preimage(
        self, origin: Signed | Root, bytes_: Annotated[bytes, AtMost(MAX_ARGUMENT)]
    ) -> PostDispatch:
        """Keep bytes against a deposit, or free of charge if the chain has requested them."""
        owner = origin.account if isinstance(origin, Signed) else None
        requested = self._note(bytes_, owner)
        return PostDispatch(pays=Pays.No if requested else Pays.Yes)

    @call(1, weight=cost(60, reads=4))
    def unnote_preimage(self, origin: Signed | Root, hash_: H256) -> None:
        """Take bytes back, and the deposit with them; requested ones stay without a deposit."""
        status = self.request_status_for.get(hash_)
        if status is None:
            raise NotNoted(expected="a preimage that was noted")
        ticket = ticket_of(status)
        if isinstance(origin, Signed) and (ticket is None or ticket[0] != origin.account):
            raise NotAuthorized(expected="its owner")

        if ticket is not None:
            self.balances.release(HoldReason.Preimage, ticket[0], ticket[1].amount)
        if isinstance(status, UnrequestedStatus):
            self._clear(hash_, status.len)
        elif ticket is not None:
            self.request_status_for[hash_] = replace(status, maybe_ticket=None)
        else:
            self.unrequest(hash_)

    @call(2, weight=cost(25, reads=1))
    def request_preimage(self, origin: Root, hash_: H256) -> None:
        """Ask for the bytes of a hash; whoever notes them pays nothing."""
        self.request(hash_)

    @call(3, weight=cost(30, reads=2))
    def unrequest_preimage(self, origin: Root, hash_: H256) -> None:
        """Take one request back; after the last, bytes without an owner are removed."""
        if not isinstance(self.request_status_for.get(hash_), RequestedStatus):
            raise NotRequested(expected="a hash that was requested")

        self.unrequest(hash_)

    # -------------------------------------------------------- what other pallets may ask

    def note_requested(self, raw: bytes) -> bytes:
        """Keep bytes for the chain itself, with one request, and return their hash."""
        digest = blake2_256(raw)
        status = self.request_status_for.get(digest)
        if self.length(digest) is None:
            self._note(raw, None)
        if status is not None:
            self.request(digest)
        return digest

    def request(self, digest: bytes) -> None:
        """Count one more request of the chain."""
        status = self.request_status_for.get(digest)
        if isinstance(status, RequestedStatus):
            self.request_status_for[digest] = replace(status, count=status.count + 1)
            return
        ticket = ticket_of(status) if status else None
        self.request_status_for[digest] = RequestedStatus(ticket, 1, self.length(digest))
        self.emit(HashRequested(digest))

    def unrequest(self, digest: bytes) -> None:
        """Take one request back; what nobody wants or owns any more is removed."""
        status = self.request_status_for.get(digest)
        if not isinstance(status, RequestedStatus):
            return
        if status.count > 1:
            self.request_status_for[digest] = replace(status, count=status.count - 1)
        elif status.maybe_len is None:
            del self.request_status_for[digest]
        elif status.maybe_ticket is None:
            self._clear(digest, status.maybe_len)
        else:
            self.request_status_for[digest] = UnrequestedStatus(
                status.maybe_ticket, status.maybe_len
            )

    def length(self, digest: bytes) -> int | None:
        """Return how many bytes are kept under a hash, or None if there are none."""
        match self.request_status_for.get(digest):
            case UnrequestedStatus(_, length) | RequestedStatus(_, _, length):
                return length
            case _:
                return None

    def fetch(self, digest: bytes) -> bytes | None:
        """Return the bytes kept under a hash, or None if there are none."""
        length = self.length(digest)
        return None if length is None else self.preimage_for.get((digest, length))

    def check_invariants(self) -> None:
        """Each preimage is what its hash says and has a status; deposits are what is held."""
        deposits: Counter[bytes] = Counter()
        kept = 0
        for digest, status in self.request_status_for.items():
            ticket = ticket_of(status)
            if ticket is not None:
                deposits[ticket[0]] += ticket[1].amount
            if isinstance(status, RequestedStatus) and not status.count:
                raise InvariantBroken(f"0x{digest.hex()} is requested no times")
            if self.length(digest) is not None:
                kept += 1
                if blake2_256(self.fetch(digest) or b"") != digest:
                    raise InvariantBroken(f"what is kept under 0x{digest.hex()} has another hash")
            elif ticket is not None:
                raise InvariantBroken(f"a deposit is held for nothing under 0x{digest.hex()}")
        if kept != sum(1 for _ in self.preimage_for):
            raise InvariantBroken("a preimage has no status")
        for account in self.system.account:
            held = self.balances.held(HoldReason.Preimage, account)
            if held != deposits[account]:
                raise InvariantBroken(
                    f"account 0x{account.hex()} has {held} held for preimages,"
                    f" which record {deposits[account]}"
                )

    # ------------------------------------------------------------------------- helpers

    def _note(self, raw: bytes, owner: bytes | None) -> bool:
        """Keep bytes and return whether the chain wants them; without an owner it does."""
        digest, size = blake2_256(raw), len(raw)
        status = self.request_status_for.get(digest)
        if size > MAX_SIZE:
            raise TooBig(expected=f"at most {MAX_SIZE} bytes", found=size)
        if self.length(digest) is not None and owner is not None:
            raise AlreadyNoted(expected="bytes that are not there yet")

        if isinstance(status, UnrequestedStatus):
            self.request(digest)
            return True
        if isinstance(status, RequestedStatus):
            self.request_status_for[digest] = replace(status, maybe_len=size)
        elif owner is None:
            self.request_status_for[digest] = RequestedStatus(None, 1, size)
        else:
            deposit = DEPOSIT_BASE + DEPOSIT_PER_BYTE * size
            self.balances.hold(HoldReason.Preimage, owner, deposit)
            self.request_status_for[digest] = UnrequestedStatus((owner, Ticket(deposit)), size)
        self.preimage_for[digest, size] = raw
        self.emit(Noted(digest))
        return status is not None or owner is None

    def _clear(self, digest: bytes, length: int) -> None:
        del self.request_status_for[digest]
        del self.preimage_for[digest, length]
        self.emit(Cleared(digest))


def ticket_of(status: RequestStatus) -> tuple[bytes, Ticket] | None:
    """Return who owns a preimage and what is held for it, if anybody does."""
    match status:
        case UnrequestedStatus(ticket, _) | RequestedStatus(ticket, _, _):
            return ticket
        case _:
            return None
