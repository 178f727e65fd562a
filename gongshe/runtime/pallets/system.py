"""System: accounts, block numbers and hashes, events."""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Annotated, Any, ClassVar

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.header import Digest, DigestItem
from gongshe.primitives.records import Record, replace
from gongshe.primitives.scale import H256, AtMost, CompactU32, u16, u32, u64, u128
from gongshe.primitives.types import (
    SS58_PREFIX,
    AccountId,
    AddressId,
    Balance,
    BlockNumber,
    CannotLookup,
    ConsumerRemaining,
    DispatchClass,
    DispatchError,
    DispatchInfo,
    MultiAddress,
    Nonce,
    NoProviders,
    RuntimeVersion,
    TooManyConsumers,
    Weight,
)
from gongshe.runtime.items import Blake2_128Concat, EventRecords, Map, Twox64Concat, Value
from gongshe.runtime.limits import BLOCK_LENGTH, BLOCK_WEIGHTS, BlockLength, BlockUse, BlockWeights
from gongshe.runtime.overlay import RAW
from gongshe.runtime.pallet import (
    RECORD_WRITERS,
    CallError,
    CallFailed,
    Constant,
    Event,
    InvariantBroken,
    Pallet,
    Root,
    Signed,
    call,
)
from gongshe.runtime.weights import READ, WRITE, cost

BLOCK_HASH_COUNT = 2_400
"""Blocks whose hashes are kept: the longest era a mortal extrinsic may span, two hours of slots."""

MAX_CONSUMERS = 128
"""Things that may need one account at once; bounds the work of closing it."""

MAX_REMARK = 1 << 20
"""Bytes of one remark; block length and fees bound it further."""

MAX_KEYS = 1_024
"""Storage keys that one root call may touch."""

SUCCESSES_KEPT = 1_024
"""Encoded success events remembered: one for each weight that calls had lately."""


class AccountData(Record, path="pallet_balances::types::AccountData"):
    """The balances of an account; `flags` marks the present logic, as Substrate's does."""

    free: Balance
    reserved: Balance
    frozen: Balance
    flags: u128


class AccountInfo(Record, path="frame_system::AccountInfo"):
    """What the chain knows of an account.

    `providers` and `sufficients` keep it alive; while there are `consumers` it may not close.
    """

    nonce: Nonce
    consumers: u32
    providers: u32
    sufficients: u32
    data: AccountData


NEW_LOGIC = 1 << 127
"""Flag of accounts whose reserves are holds: all accounts of this chain."""

NO_ACCOUNT = AccountInfo(0, 0, 0, 0, AccountData(0, 0, 0, NEW_LOGIC))


class LastRuntimeUpgradeInfo(Record, path="frame_system::LastRuntimeUpgradeInfo"):
    """The spec version that the last block was executed under."""

    spec_version: CompactU32
    spec_name: Annotated[str, AtMost(64)]


class ExecutionPhase(enum.IntEnum):
    """Where in a block the execution is."""

    ApplyExtrinsic = 0
    Finalization = 1
    Initialization = 2


class WeightUsed(Record, path="frame_support::dispatch::PerDispatchClass"):
    """The weight each class has used."""

    scale_parameters: ClassVar[dict[str, Any]] = {"T": Weight}

    normal: Weight
    operational: Weight
    mandatory: Weight


class DbWeight(Record, path="sp_weights::RuntimeDbWeight"):
    """The time one read and one write cost, in picoseconds."""

    read: u64
    write: u64


class KeyValue(Record):
    """A storage key and its new value."""

    key: Annotated[bytes, AtMost(512)]
    value: Annotated[bytes, AtMost(MAX_REMARK)]


class ExtrinsicSuccess(Event, index=0):
    """An extrinsic completed successfully."""

    dispatch_info: DispatchInfo


class ExtrinsicFailed(Event, index=1):
    """An extrinsic failed."""

    dispatch_error: DispatchError
    dispatch_info: DispatchInfo


class CodeUpdated(Event, index=2):
    """The runtime's version changed."""


class NewAccount(Event, index=3):
    """A new account was created."""

    account: AccountId


class KilledAccount(Event, index=4):
    """An account was reaped."""

    account: AccountId


class Remarked(Event, index=5):
    """A remark was made; this is its hash."""

    sender: AccountId
    hash_: H256


class CallFiltered(CallError, index=5):
    """The origin filter prevents the call from being dispatched."""


class System(Pallet, index=0):
    """Accounts, the block under execution, events."""

    constants = (
        Constant("BlockWeights", BlockWeights, BLOCK_WEIGHTS, "How much a block may execute."),
        Constant("BlockLength", BlockLength, BLOCK_LENGTH, "How many bytes a block may hold."),
        Constant("BlockHashCount", u32, BLOCK_HASH_COUNT, "Blocks whose hashes are kept."),
        Constant(
            "DbWeight",
            DbWeight,
            DbWeight(READ.ref_time, WRITE.ref_time),
            "The weight of database operations.",
        ),
        Constant(
            "Version",
            RuntimeVersion,
            lambda assembly: assembly.version,
            "The version of the runtime.",
        ),
        Constant("SS58Prefix", u16, SS58_PREFIX, "The address prefix of this chain."),
    )

    account: Map[AccountId, AccountInfo] = Map(Blake2_128Concat, default=NO_ACCOUNT)
    """The full account information for a particular account ID."""

    extrinsic_count: Value[u32] = Value()
    """Total extrinsics count of the block under execution."""

    block_weight: Value[WeightUsed] = Value(
        default=WeightUsed(Weight(0, 0), Weight(0, 0), Weight(0, 0))
    )
    """The weight the current block has used, by class."""

    block_hash: Map[BlockNumber, H256] = Map(Twox64Concat, default=bytes(32))
    """Map of block numbers to block hashes, of the last BlockHashCount blocks and of genesis."""

    number: Value[BlockNumber] = Value(default=0)
    """The current block number being processed."""

    parent_hash: Value[H256] = Value(default=bytes(32))
    """Hash of the previous block."""

    digest: Value[Digest] = Value(default=Digest())
    """Digest of the current block, without the author's seal."""

    events: Value[EventRecords] = Value(default=b"\x00")  # type: ignore[arg-type]
    """Events deposited for the current block."""

    event_count: Value[u32] = Value(default=0)
    """The number of events in the Events list."""

    last_runtime_upgrade: Value[LastRuntimeUpgradeInfo] = Value()
    """The spec version that the last block was executed under."""

    execution_phase: Value[ExecutionPhase] = Value()
    """Where the execution of the block is; absent between blocks."""

    use: BlockUse
    """How much of the block is used; not state, renewed with each block."""

    @call(0, weight=lambda remark: cost(2 + len(remark) // 1_000))
    def remark(self, origin: Signed | Root, remark: Annotated[bytes, AtMost(MAX_REMARK)]) -> None:
        """Make some on-chain remark: it stays in the block's body and changes nothing."""

    @call(4, weight=lambda items: cost(10 + 20 * len(items)))
    def set_storage(
        self, origin: Root, items: Annotated[tuple[KeyValue, ...], AtMost(MAX_KEYS)]
    ) -> None:
        """Set some items of storage."""
        for item in items:
            self.state.write_encoded(item.key, item.value)

    @call(5, weight=lambda keys: cost(10 + 20 * len(keys)))
    def kill_storage(
        self,
        origin: Root,
        keys: Annotated[tuple[Annotated[bytes, AtMost(512)], ...], AtMost(MAX_KEYS)],
    ) -> None:
        """Remove some items of storage."""
        for key in keys:
            self.state.write(key, RAW, None)

    @call(7, weight=lambda remark: cost(12 + len(remark) // 500))
    def remark_with_event(
        self, origin: Signed, remark: Annotated[bytes, AtMost(MAX_REMARK)]
    ) -> None:
        """Make some on-chain remark and emit an event with its hash."""
        self.emit(Remarked(origin.account, blake2_256(remark)))

    # ------------------------------------------------------------------------- accounts

    def extrinsic_index(self) -> int:
        """Return the position in the block of the extrinsic being applied; 0 in hooks."""
        phase = self.state.phase
        return int.from_bytes(phase[1:], "little") if phase[0] == 0 else 0

    def lookup(self, address: MultiAddress) -> bytes:
        """Return the account an address names; only account ids are looked up on this chain."""
        if isinstance(address, AddressId):
            return address.account
        raise CallFailed(
            CannotLookup(), expected="an account id", found=type(address).scale_variant
        )

    def is_alive(self, account: bytes) -> bool:
        """Tell whether something keeps the account in existence."""
        info = self.account[account]
        return bool(info.providers or info.sufficients)

    def add_provider(self, account: bytes) -> None:
        """Count one more reason for the account to exist; announce it if it is the first."""
        info = self.account[account]
        if not info.providers and not info.sufficients:
            self.emit(NewAccount(account))
        self.account[account] = replace(info, providers=info.providers + 1)

    def remove_provider(self, account: bytes) -> None:
        """Take back one reason; the last one closes the account unless consumers remain."""
        info = self.account[account]
        if not info.providers:
            raise CallFailed(NoProviders())
        if info.providers == 1 and info.consumers:
            raise CallFailed(ConsumerRemaining(), expected="no consumers", found=info.consumers)
        left = replace(info, providers=info.providers - 1)
        self._keep_or_close(account, left)

    def add_sufficient(self, account: bytes) -> None:
        """Count one more reason that needs no native balance."""
        info = self.account[account]
        if not info.providers and not info.sufficients:
            self.emit(NewAccount(account))
        self.account[account] = replace(info, sufficients=info.sufficients + 1)

    def remove_sufficient(self, account: bytes) -> None:
        """Take back one such reason."""
        info = self.account[account]
        if not info.sufficients:
            raise CallFailed(NoProviders())
        self._keep_or_close(account, replace(info, sufficients=info.sufficients - 1))

    def add_consumer(self, account: bytes) -> None:
        """Count one more thing that needs the account; refused if nothing provides for it."""
        info = self.account[account]
        if not info.providers:
            raise CallFailed(NoProviders(), expected="an account that holds the deposit")
        if info.consumers >= MAX_CONSUMERS:
            raise CallFailed(TooManyConsumers(), expected=f"at most {MAX_CONSUMERS}")
        self.account[account] = replace(info, consumers=info.consumers + 1)

    def remove_consumer(self, account: bytes) -> None:
        """Take back one such thing."""
        info = self.account[account]
        if not info.consumers:
            raise InvariantBroken(f"account 0x{account.hex()} has no consumer to remove")
        self.account[account] = replace(info, consumers=info.consumers - 1)

    def _keep_or_close(self, account: bytes, info: AccountInfo) -> None:
        if info.providers or info.sufficients:
            self.account[account] = info
            return
        self.emit(KilledAccount(account))
        if info.nonce or info.data != NO_ACCOUNT.data:
            # The nonce stays, or old immortal extrinsics could be replayed.
            self.account[account] = info
        else:
            del self.account[account]

    # --------------------------------------------------------------------------- blocks

    def succeed(self, info: DispatchInfo) -> None:
        """Emit `ExtrinsicSuccess`."""
        self.state.events.append(self.state.phase + success_record(info))

    def initialize(self, number: int, parent_hash: bytes, digest: Digest) -> None:
        """Open a block."""
        self.use = BlockUse()
        self.number.value = number
        self.parent_hash.value = parent_hash
        self.digest.value = digest
        self.block_hash[number - 1] = parent_hash
        expired = number - 1 - BLOCK_HASH_COUNT
        if expired > 0:
            del self.block_hash[expired]
        self.execution_phase.value = ExecutionPhase.Initialization

    def deposit_log(self, item: DigestItem) -> None:
        """Add an item to the header's digest."""
        self.digest.value = Digest((*self.digest.value.logs, item))

    def finalize(self, events: list[bytes], encoded: bytes) -> None:
        """Close the block: its events are stored, what only execution needed is cleared."""
        use = self.use
        self.event_count.value = len(events)
        self.state.write(self.events.prefix, RAW, encoded)
        self.block_weight.value = WeightUsed(*(use.weight_of(each) for each in DispatchClass))
        self.execution_phase.clear()
        self.extrinsic_count.clear()

    def check_invariants(self) -> None:
        """An account with consumers has a provider; closed accounts hold nothing."""
        for account, info in self.account.items():
            if info.consumers and not info.providers:
                raise InvariantBroken(f"account 0x{account.hex()} has consumers but no provider")
            data = info.data
            alive = info.providers or info.sufficients
            if not alive and (data.free or data.reserved or data.frozen):
                raise InvariantBroken(f"closed account 0x{account.hex()} holds {data}")


def counted(info: AccountInfo) -> AccountInfo:
    """Return what the chain knows of an account once it has used its nonce."""
    return AccountInfo(info.nonce + 1, info.consumers, info.providers, info.sufficients, info.data)


@lru_cache(maxsize=SUCCESSES_KEPT)
def success_record(info: DispatchInfo) -> bytes:
    """Return the record of an `ExtrinsicSuccess`, which most calls of a block share."""
    return RECORD_WRITERS[ExtrinsicSuccess](ExtrinsicSuccess(info))
