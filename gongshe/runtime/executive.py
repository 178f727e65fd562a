"""The state-transition function: parent state, header and extrinsics in, changes out.

`BlockExecution` is the one way a block is executed, whether it is being authored, imported or
re-checked. Three kinds of failure are never mixed: a call's named error is recorded and its writes
undone; `Refused` means that an extrinsic may not be in the block; `BlockRefused` that the block
breaks a rule. Anything else is a bug and goes up.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from gongshe.primitives.header import Digest, RuntimeEnvironmentUpdated
from gongshe.primitives.records import Record, replace
from gongshe.primitives.scale import compact
from gongshe.primitives.types import (
    DispatchClass,
    DispatchInfo,
    Pays,
    Weight,
)
from gongshe.runtime.assembly import Assembly, SpecVersionMissing
from gongshe.runtime.limits import BLOCK_LENGTH, BLOCK_WEIGHTS
from gongshe.runtime.overlay import FINALIZATION, INITIALIZATION, EmptyState, Overlay, StateReader
from gongshe.runtime.pallet import (
    Call,
    CallFailed,
    Origin,
    Pallet,
    PostDispatch,
    Signed,
    Unsigned,
    bad_origin,
)
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.system import (
    CallFiltered,
    ExtrinsicFailed,
    LastRuntimeUpgradeInfo,
    System,
    counted,
)
from gongshe.runtime.pallets.transaction_payment import (
    OPERATIONAL_FEE_MULTIPLIER,
    TransactionPayment,
)
from gongshe.runtime.pallets.upgrades import Upgrades
from gongshe.runtime.validity import (
    FOREVER,
    MAX_PRIORITY,
    AncientBirthBlock,
    BadMandatory,
    BadSigner,
    DecodedExtrinsic,
    ExhaustsResources,
    Future,
    InvalidCall,
    MandatoryValidation,
    Payment,
    Refused,
    Stale,
    ValidTransaction,
    nonce_tag,
)

P = TypeVar("P", bound=Pallet)
NO_POST = PostDispatch()
NOBODY = bytes(32)


class Runtime:
    """An assembly's pallets, bound to the state of one block."""

    def __init__(self, assembly: Assembly, state: Overlay) -> None:
        self.assembly, self.state = assembly, state
        self._pallets: dict[type[Pallet], Pallet] = {}
        for kind in assembly.pallets:
            # Weak, or pallet and runtime would hold each other, and with them all that a block has
            # read and written, until the collector comes by: 20 MB for a full block.
            pallet = kind(state, weakref.proxy(self))
            for attribute, need in kind.declared.needs.items():
                setattr(pallet, attribute, self._pallets[need])
            self._pallets[kind] = pallet

    def pallet(self, kind: type[P]) -> P:
        """Return the pallet of this class; LookupError if this runtime has none."""
        return cast("P", self._pallets[kind])

    @property
    def pallets(self) -> Iterable[Pallet]:
        """All pallets, in the order of their hooks."""
        return self._pallets.values()

    def dispatch(self, call: Call, origin: Origin) -> PostDispatch:
        """Make a call inside a transaction of its own; CallFailed if it ends in an error."""
        definition = call.definition
        if not isinstance(origin, definition.origins):
            names = " or ".join(kind.__name__ for kind in definition.origins)
            raise bad_origin(names, origin)
        if isinstance(origin, Signed) and origin.filters and not origin.allows(call):
            raise CallFiltered(expected="a call that the proxy's type permits", found=call.name)
        state = self.state
        state.begin()
        try:
            post = definition.method(self._pallets[definition.pallet], origin, *call.arguments)
        except BaseException:
            state.roll_back()
            raise
        state.commit()
        return post or NO_POST

    def encode_call(self, call: Call) -> bytes:
        """Return the encoding of a call."""
        return self.assembly.call_codec.encode(call)

    def decode_call(self, raw: bytes) -> Call:
        """Return the call that `raw` encodes; ScaleError otherwise."""
        return cast("Call", self.assembly.call_codec.decode(raw))

    def check_invariants(self) -> None:
        """Raise InvariantBroken if any pallet finds what must always hold broken."""
        for pallet in self._pallets.values():
            pallet.check_invariants()


class Applied(Record):
    """What became of one extrinsic that was included."""

    failure: CallFailed | None
    fee: int


class Outcome(Record):
    """What a block does: changed keys, its digest before the seal, and results by extrinsic."""

    changes: dict[bytes, bytes | None]
    digest: Digest
    results: tuple[Applied, ...]
    events: bytes


class BlockExecution:
    """One block under execution: opened, extrinsics applied in order, closed."""

    def __init__(
        self,
        assemblies: Mapping[int, Assembly],
        parent: StateReader,
        number: int,
        parent_hash: bytes,
        digest: Digest,
    ) -> None:
        self.assembly = assembly_for(assemblies, parent, number)
        self.state = Overlay(parent)
        self.runtime = Runtime(self.assembly, self.state)
        self.number = number
        self.results: list[Applied] = []
        self._system = self.runtime.pallet(System)
        self._balances = self.runtime.pallet(Balances)
        self._payment = self.runtime.pallet(TransactionPayment)
        self._system.initialize(number, parent_hash, digest)

    def open(self) -> None:
        """Do what comes before the first extrinsic; `check` and `validate` do without it."""
        system = self._system
        self._upgrade()
        for pallet in self.runtime.pallets:
            weight = pallet.on_initialize(self.number)
            if weight is not None:
                system.use.add_hook(weight)

    def _upgrade(self) -> None:
        last = self._system.last_runtime_upgrade.get()
        version = self.assembly.version
        if last is not None and last.spec_version == version.spec_version:
            return
        for pallet in self.runtime.pallets:
            pallet.on_runtime_upgrade(last.spec_version if last else 0)
        self._system.last_runtime_upgrade.value = LastRuntimeUpgradeInfo(
            version.spec_version, version.spec_name
        )
        self.runtime.pallet(Upgrades).complete(self.assembly)
        self._system.deposit_log(RuntimeEnvironmentUpdated())

    # ---------------------------------------------------------------------- extrinsics

    def apply(self, extrinsic: DecodedExtrinsic) -> Applied:
        """Include one extrinsic; Refused (and nothing changed) if it may not be included."""
        position = len(self.results)
        self.state.phase = b"\x00" + position.to_bytes(4, "little")
        signature = extrinsic.signature
        if signature is None:
            applied = self._apply_inherent(extrinsic)
        else:
            fee = self.check(extrinsic, exact_nonce=True)
            applied = self._apply_signed(extrinsic, signature.signer, fee, signature.tip)
        self.results.append(applied)
        return applied

    def check(self, extrinsic: DecodedExtrinsic, *, exact_nonce: bool) -> int:
        """Return the fee of a signed extrinsic that may enter; Refused says why it may not."""
        signature, info = extrinsic.signature, extrinsic.info
        if signature is None:
            raise Refused(MandatoryValidation(), expected="a signed extrinsic", found="unsigned")
        if info.dispatch_class is DispatchClass.Mandatory:
            raise Refused(
                MandatoryValidation(), expected="a call that users may make", found="an inherent"
            )
        if signature.signer == NOBODY:
            raise Refused(BadSigner(), expected="an account", found="the zero account")
        if signature.era is not None:
            self.birth_hash(extrinsic)
        account = self._system.account[signature.signer]
        if signature.nonce < account.nonce:
            raise Refused(
                Stale(),
                expected=f"nonce {account.nonce}",
                found=signature.nonce,
                hint=f"sign again with nonce {account.nonce}",
            )
        if exact_nonce and signature.nonce > account.nonce:
            raise Refused(Future(), expected=f"nonce {account.nonce}", found=signature.nonce)
        if not self._system.use.fits(info.weight, len(extrinsic.raw), info.dispatch_class):
            raise Refused(
                ExhaustsResources(),
                expected="room for it in the block",
                found=f"{info.weight.ref_time} ps, {len(extrinsic.raw)} bytes",
                hint="wait for the next block, or split it if it is larger than a block",
            )
        fee = self._payment.fee(len(extrinsic.raw), info, signature.tip)
        spendable = self._balances._spendable(signature.signer, account, keep_alive=True)
        if fee > spendable:
            raise Refused(
                Payment(),
                expected=f"a fee of {fee}",
                found=f"{spendable} spendable",
                hint="fund the account, or lower the tip",
            )
        return fee

    def birth_hash(self, extrinsic: DecodedExtrinsic) -> bytes:
        """Return the hash of the block at which the extrinsic's era began; genesis if immortal."""
        era = extrinsic.signature.era if extrinsic.signature else None
        if era is None:
            return self._system.block_hash[0]
        birth = era.birth(self.number)
        found = self._system.block_hash.get(birth)
        if found is None:
            raise Refused(
                AncientBirthBlock(),
                expected="an era that covers this block",
                found=f"an era that began at block {birth}",
                hint="sign again with a fresh era",
            )
        return found

    def _apply_inherent(self, extrinsic: DecodedExtrinsic) -> Applied:
        call, info = extrinsic.call, extrinsic.info
        if Unsigned not in call.definition.origins:
            raise Refused(InvalidCall(), expected="a signed extrinsic", found=call.name)
        self._system.use.add(info.weight, len(extrinsic.raw), info.dispatch_class)
        try:
            self.runtime.dispatch(call, Unsigned())
        except CallFailed as failure:
            raise Refused(BadMandatory(), expected=failure.expected, found=failure.found) from None
        self._system.succeed(DispatchInfo(info.weight, info.dispatch_class, info.pays))
        return Applied(None, 0)

    def _apply_signed(
        self, extrinsic: DecodedExtrinsic, signer: bytes, fee: int, tip: int
    ) -> Applied:
        info, system = extrinsic.info, self._system
        system.use.add(info.weight, len(extrinsic.raw), info.dispatch_class)
        account = counted(system.account[signer])
        if fee:
            self._balances.take(signer, account, fee)  # one write for nonce and fee
        else:
            system.account[signer] = account
        failure: CallFailed | None = None
        try:
            post = self.runtime.dispatch(extrinsic.call, Signed(signer))
        except CallFailed as failed:
            failure, post = failed, failed.post or NO_POST
        used = info.weight
        if post.weight is not None:
            done = post.weight + extrinsic.reading
            if done.fits(info.weight):
                used = done
                system.use.refund(info.weight - used, info.dispatch_class)
        pays = info.pays if info.pays is Pays.No else post.pays
        actual = self._actual_fee(extrinsic, info.weight, used, fee, tip, pays)
        self._payment.settle(signer, fee, actual, tip)
        told = DispatchInfo(used, info.dispatch_class, pays)
        if failure is None:
            system.succeed(told)
        else:
            system.emit(ExtrinsicFailed(failure.error, told))
        return Applied(failure, actual)

    def _actual_fee(
        self,
        extrinsic: DecodedExtrinsic,
        declared: Weight,
        used: Weight,
        fee: int,
        tip: int,
        pays: Pays,
    ) -> int:
        if pays is Pays.No:
            return tip
        if used is declared:
            return fee
        return self._payment.fee(len(extrinsic.raw), replace(extrinsic.info, weight=used), tip)

    # -------------------------------------------------------------------------- the end

    def validate(self, extrinsic: DecodedExtrinsic) -> ValidTransaction:
        """Return what the pool must know of an extrinsic that may enter now or later."""
        self.check(extrinsic, exact_nonce=False)
        signature = extrinsic.signature
        if signature is None:
            raise Refused(MandatoryValidation())
        account = self._system.account[signature.signer]
        requires: tuple[bytes, ...] = ()
        if signature.nonce > account.nonce:
            requires = (nonce_tag(signature.signer, signature.nonce - 1),)
        longevity = FOREVER
        if signature.era is not None:
            longevity = max(signature.era.death(self.number) - self.number, 0)
        return ValidTransaction(
            self._priority(extrinsic, signature.tip),
            requires,
            (nonce_tag(signature.signer, signature.nonce),),
            longevity,
            True,
        )

    def _priority(self, extrinsic: DecodedExtrinsic, tip: int) -> int:
        """Return FRAME's priority: how often it would fit into a block, times the tip plus one."""
        info = extrinsic.info
        per_class = BLOCK_WEIGHTS.per_class.normal
        limit = cast("Weight", per_class.max_total)
        weight = info.weight + per_class.base_extrinsic
        fit = min(
            limit.ref_time // weight.ref_time,
            limit.proof_size // weight.proof_size,
            BLOCK_LENGTH.max.normal // len(extrinsic.raw),
        )
        priority = max(fit, 1) * (tip + 1)
        if info.dispatch_class is DispatchClass.Operational:
            fee = self._payment.fee(len(extrinsic.raw), info, tip)
            priority += max(fit, 1) * fee * OPERATIONAL_FEE_MULTIPLIER
        return min(priority, MAX_PRIORITY)

    def finish(self) -> Outcome:
        """Close the block and return what it does."""
        state = self.state
        state.phase = FINALIZATION
        for pallet in self.runtime.pallets:
            pallet.on_finalize(self.number)
        encoded = compact(len(state.events)) + b"".join(state.events)
        self._system.finalize(state.events, encoded)
        return Outcome(state.changes(), self._system.digest.value, tuple(self.results), encoded)


def assembly_for(assemblies: Mapping[int, Assembly], parent: StateReader, number: int) -> Assembly:
    """Return the runtime that block `number` on this parent state must be executed under.

    It is a function of the chain's state alone: the last spec version, or the scheduled one from
    its height on. Raises SpecVersionMissing if this program does not ship it.
    """
    state = Overlay(parent)
    some = next(iter(assemblies.values()))
    runtime = Runtime(some, state)
    last = runtime.pallet(System).last_runtime_upgrade.get()
    wanted = runtime.pallet(Upgrades).due(number)
    if wanted is None:
        wanted = last.spec_version if last else min(assemblies)
    if wanted not in assemblies:
        raise SpecVersionMissing(wanted, sorted(assemblies))
    return assemblies[wanted]


def build_genesis(assembly: Assembly, config: Mapping[str, Any]) -> dict[bytes, bytes]:
    """Return the first state: every pallet's part of the chain spec, by the pallet's name."""
    state = Overlay(EmptyState())
    state.phase = INITIALIZATION
    runtime = Runtime(assembly, state)
    version = assembly.version
    for pallet in runtime.pallets:
        pallet.on_genesis(config.get(pallet.name, {}))
    runtime.pallet(System).last_runtime_upgrade.value = LastRuntimeUpgradeInfo(
        version.spec_version, version.spec_name
    )
    runtime.pallet(Upgrades).write_code(assembly)
    runtime.check_invariants()
    return {key: value for key, value in state.changes().items() if value is not None}
