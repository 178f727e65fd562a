"""A chain without network, clock or disk: whole blocks through `BlockExecution`, one by one.

    chain = Chain()
    chain.succeeds(ALICE, "Balances.transfer_keep_alive", BOB, 5 * UNIT)
    failure = chain.fails(BOB, "Assets.mint", 1, BOB, 10)      # and the state is untouched
    block = chain.block(chain.signed(ALICE, "System.remark", b"x"), ...)

After every block all invariants are checked and issuance is added up. Signatures are not: they
are no part of executing a block.
"""

from __future__ import annotations

import bisect
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.extrinsic import MortalEra, encode_extra, encode_signed, encode_unsigned
from gongshe.primitives.header import AURA, Digest, PreRuntime
from gongshe.primitives.records import Record, replace
from gongshe.primitives.scale import Ok
from gongshe.primitives.types import (
    UNIT,
    AddressId,
    DispatchError,
    ErrorOfArithmetic,
    ErrorOfModule,
    ErrorOfToken,
    ModuleError,
    MultiAddress,
)
from gongshe.runtime.assembly import Assembly, EventRecord
from gongshe.runtime.executive import (
    Applied,
    BlockExecution,
    Outcome,
    Runtime,
    build_genesis,
)
from gongshe.runtime.overlay import Overlay
from gongshe.runtime.pallet import Call, Event, Pallet
from gongshe.runtime.pallets.scheduler import Scheduler
from gongshe.runtime.pallets.scheduler_words import Dispatched
from gongshe.runtime.pallets.sudo import Sudid
from gongshe.runtime.pallets.system import AccountInfo, System
from gongshe.runtime.pallets.transaction_payment import TREASURY
from gongshe.runtime.validity import DecodedExtrinsic, Refused, decode
from gongshe.runtime.versions import SHIPPED

E = TypeVar("E", bound=Event)
P = TypeVar("P", bound=Pallet)

ALICE, BOB, CHARLIE, DAVE = (
    name.encode().ljust(32, b".") for name in ("alice", "bob", "charlie", "dave")
)
"""Accounts with money at genesis."""

ERIN = b"erin".ljust(32, b".")
"""An account that does not exist at genesis."""

SUDO = b"sudo".ljust(32, b".")
ENDOWMENT = 10_000 * UNIT
"""Of each account; the treasury has one token, so that no fee is lost as dust."""

SLOT_MS = 1_000
START_MS = 1_700_000_000_000
EVERY_BLOCK = ("System", "Timestamp", "Aura", "TransactionPayment", "Balances")
"""Pallets whose state may change in a block in which every call failed."""


KEPT = ("Holds", "Freezes")
"""Their items that may not."""


class Block(Record):
    """What became of one block's extrinsics, the inherent left out."""

    assembly: Assembly
    number: int
    results: tuple[Applied, ...]
    records: tuple[EventRecord, ...]
    outcome: Outcome
    started_with_tasks: bool
    """Whether scheduled calls were made before the users'."""

    @property
    def failures(self) -> list[str]:
        """The name of each call's error, or "" where it succeeded."""
        errors = [each.failure.error if each.failure else None for each in self.results]
        return [error_name(self.assembly, error) for error in errors]

    def events(self, kind: type[E]) -> list[E]:
        """All events of this kind, in order."""
        found: list[Any] = [each.event for each in self.records]
        return [each for each in found if isinstance(each, kind)]

    def event(self, kind: type[E]) -> E:
        """The one event of this kind."""
        (found,) = self.events(kind)
        return found


class State:
    """A state held in memory, as a `StateReader`."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self.values = dict(values)
        self._keys = sorted(self.values)

    def get(self, key: bytes) -> bytes | None:
        return self.values.get(key)

    def pairs(self, prefix: bytes, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        start = bisect.bisect_left(self._keys, prefix)
        if after is not None:
            start = max(start, bisect.bisect_right(self._keys, after))
        for key in self._keys[start:]:
            if not key.startswith(prefix):
                return
            yield key, self.values[key]

    def after(self, changes: Mapping[bytes, bytes | None]) -> State:
        """The state with these changes."""
        values = dict(self.values)
        for key, value in changes.items():
            if value is None:
                del values[key]
            else:
                values[key] = value
        return State(values)


class Chain:
    """A chain of blocks that are executed as soon as they are written down."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        assemblies: Mapping[int, Assembly] = SHIPPED,
    ) -> None:
        self.assemblies = assemblies
        self.assembly = assemblies[min(assemblies)]
        rich = [(account, ENDOWMENT) for account in (ALICE, BOB, CHARLIE, DAVE, SUDO)]
        genesis = {
            "Balances": {"balances": [*rich, (TREASURY, UNIT)]},
            "Aura": {"authorities": [bytes(32)], "slotDuration": SLOT_MS},
            "Sudo": {"key": SUDO},
        }
        self.state = State(build_genesis(self.assembly, {**genesis, **(config or {})}))
        self.number = 0
        self.slot = START_MS // SLOT_MS
        self.digests: list[bytes] = []
        """One hash over each block's changes."""
        self._ahead: Counter[bytes] = Counter()

    # --------------------------------------------------------------------------- writing

    def call(self, name: str, *arguments: Any) -> Call:
        """Return a call; accounts may stand where addresses are expected."""
        pallet, _, method = name.partition(".")
        definition = self.assembly.call(pallet, method).definition
        return Call(
            definition,
            tuple(
                AddressId(value) if hint is MultiAddress and isinstance(value, bytes) else value
                for (_, hint), value in zip(definition.arguments, arguments, strict=True)
            ),
        )

    def signed(
        self,
        signer: bytes,
        name: str | Call,
        *arguments: Any,
        tip: int = 0,
        era: MortalEra | None = None,
        nonce: int | None = None,
    ) -> DecodedExtrinsic:
        """Return an extrinsic with the signer's next nonce; several may stand in one block."""
        call = name if isinstance(name, Call) else self.call(name, *arguments)
        if nonce is None:
            nonce = self.account(signer).nonce + self._ahead[signer]
            self._ahead[signer] += 1
        raw = self.assembly.call_codec.encode(call)
        extra = encode_extra(era, nonce, tip)
        return decode(self.assembly, encode_signed(signer, 1, bytes(64), extra, raw))

    def inherent(self, name: str, *arguments: Any) -> DecodedExtrinsic:
        """Return an unsigned extrinsic."""
        raw = self.assembly.call_codec.encode(self.call(name, *arguments))
        return decode(self.assembly, encode_unsigned(raw))

    # ------------------------------------------------------------------------- executing

    def open(self, number: int | None = None) -> BlockExecution:
        """Return the next block, opened; nothing becomes of it unless it is kept."""
        claim = PreRuntime(AURA, (self.slot + 1).to_bytes(8, "little"))
        number = self.number + 1 if number is None else number
        parent_hash = block_hash(number - 1)
        execution = BlockExecution(
            self.assemblies, self.state, number, parent_hash, Digest((claim,))
        )
        self.assembly = execution.assembly
        execution.open()
        return execution

    def block(self, *extrinsics: DecodedExtrinsic) -> Block:
        """Execute the next block; Refused or BlockRefused if it may not be one."""
        self._ahead.clear()
        execution = self.open()
        execution.apply(self.inherent("Timestamp.set", (self.slot + 1) * SLOT_MS))
        for extrinsic in extrinsics:
            execution.apply(extrinsic)
        return self.keep(execution)

    def block_of_fitting(self, *extrinsics: DecodedExtrinsic) -> Block:
        """Execute the next block as an author would: what may not enter is left out."""
        self._ahead.clear()
        execution = self.open()
        execution.apply(self.inherent("Timestamp.set", (self.slot + 1) * SLOT_MS))
        for extrinsic in extrinsics:
            with contextlib.suppress(Refused):
                execution.apply(extrinsic)
        return self.keep(execution)

    def keep(self, execution: BlockExecution) -> Block:
        """Close a block and stand upon it."""
        outcome = execution.finish()
        execution.runtime.check_invariants()
        records = execution.assembly.decode_events(outcome.events)
        self.state = self.state.after(outcome.changes)
        self.number, self.slot = self.number + 1, self.slot + 1
        self.digests.append(digest_of(outcome.changes))
        self.runtime.check_invariants()
        return Block(
            execution.assembly,
            self.number,
            outcome.results[1:],
            records,
            outcome,
            any(isinstance(each.event, Dispatched) for each in records),
        )

    def blocks(self, count: int) -> None:
        """Execute some blocks without users' extrinsics."""
        for _ in range(count):
            self.block()

    def succeeds(self, signer: bytes, name: str | Call, *arguments: Any, **options: Any) -> Block:
        """Execute a block with one call, which must succeed."""
        block = self.block(self.signed(signer, name, *arguments, **options))
        failure = block.results[0].failure
        assert failure is None, f"{name}: {block.failures[0]}, {failure.expected}"
        return block

    def fails(self, signer: bytes, name: str | Call, *arguments: Any) -> str:
        """Execute a block with one call, which must fail and leave the state untouched.

        Returns the error's name. The signer pays and its nonce counts on; nothing else differs.
        """
        before, account = self.state, self.account(signer)
        block = self.block(self.signed(signer, name, *arguments))
        (applied,) = block.results
        assert applied.failure is not None, f"{name} should have failed"
        spared = {self.system.account.key(each) for each in (signer, TREASURY)}
        changed = self.changed_since(before) - spared
        assert not changed, f"{name} failed and changed {[key.hex() for key in changed]}"
        free = account.data.free - applied.fee
        paid = replace(account, nonce=account.nonce + 1, data=replace(account.data, free=free))
        assert self.account(signer) == paid, f"{name} failed and changed its sender"
        return block.failures[0]

    def root(self, name: str | Call, *arguments: Any) -> Block:
        """Execute a block in which root makes a call, which must succeed."""
        block, result = self._by_root(name, arguments)
        assert isinstance(result, Ok), f"{name}: {error_name(self.assembly, result.value)}"
        return block

    def root_fails(self, name: str | Call, *arguments: Any) -> str:
        """Execute a block in which root makes a call, which must fail; return the error's name."""
        _, result = self._by_root(name, arguments)
        assert not isinstance(result, Ok), f"{name} should have failed"
        return error_name(self.assembly, result.value)

    def _by_root(self, name: str | Call, arguments: tuple[Any, ...]) -> tuple[Block, Any]:
        call = name if isinstance(name, Call) else self.call(name, *arguments)
        block = self.succeeds(SUDO, "Sudo.sudo", call)
        return block, block.event(Sudid).sudo_result

    def changed_since(self, before: State) -> set[bytes]:
        """Return the keys that differ, without what every block changes."""
        keys = {*before.values, *self.state.values}
        different = {key for key in keys if before.get(key) != self.state.get(key)}
        return {key for key in different if not self._may_change(key)}

    def _may_change(self, key: bytes) -> bool:
        items = [
            item
            for pallet in self.assembly.pallets
            if pallet.name in EVERY_BLOCK
            for item in pallet.declared.items.values()
            if (pallet.name, item.name) != ("System", "Account")
        ]
        return any(key.startswith(item.prefix) for item in items if item.name not in KEPT)

    # --------------------------------------------------------------------------- reading

    @property
    def has_tasks(self) -> bool:
        """Whether calls are scheduled."""
        return next(iter(self.pallet(Scheduler).agenda), None) is not None

    @property
    def runtime(self) -> Runtime:
        """The pallets over the present state."""
        return Runtime(self.assembly, Overlay(self.state))

    def pallet(self, kind: type[P]) -> P:
        """A pallet over the present state."""
        return self.runtime.pallet(kind)

    @property
    def system(self) -> System:
        """The system over the present state."""
        return self.pallet(System)

    def account(self, account: bytes) -> AccountInfo:
        """What the chain knows of an account."""
        return self.system.account[account]

    def free(self, account: bytes) -> int:
        """What an account may spend, holds aside."""
        return self.account(account).data.free

    def held(self, account: bytes) -> int:
        """What is held of an account, for whatever reason."""
        return self.account(account).data.reserved


def error_name(assembly: Assembly, error: DispatchError | None) -> str:
    """`Assets.NoPermission`, `BelowMinimum`, `BadOrigin`; "" for no error."""
    match error:
        case None:
            return ""
        case ErrorOfModule(ModuleError(index, number)):
            pallet = assembly.by_index[index]
            return f"{pallet.name}.{pallet.declared.errors[number[0]].__name__}"
        case ErrorOfToken(reason) | ErrorOfArithmetic(reason):
            return reason.name
        case _:
            return type(error).__name__


def block_hash(number: int) -> bytes:
    """A stand-in for the hash of a block: this chain has no headers."""
    return blake2_256(number.to_bytes(4, "little"))


def digest_of(changes: Mapping[bytes, bytes | None]) -> bytes:
    """One hash over all changes of a block."""
    return blake2_256(
        b"".join(
            len(key).to_bytes(4, "little") + key + b"\x00"
            if value is None
            else len(key).to_bytes(4, "little") + key + b"\x01" + blake2_256(value)
            for key, value in changes.items()
        )
    )
