"""The one definition of a valid block.

A block is valid on its parent iff its header claims and is sealed for a later slot by that slot's
leader, its extrinsics hash to the header's root, inherents come first, each may be included, every
signature holds, and executing them gives the header's digest and state root. Authoring, importing
and re-checking all come through here.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence

from gongshe.chain.pool_entries import charge
from gongshe.chain.signatures import (
    InlineVerifier,
    SignatureJob,
    SignatureVerifier,
    Ticket,
    VerifierBusyError,
    VerifierError,
)
from gongshe.chain.store import BEFORE_SLOTS, ChainStore, NewBlock
from gongshe.consensus.fork_choice import Head
from gongshe.consensus.slots import HeaderRefused, check_claim
from gongshe.primitives.crypto import blake2_256, verify
from gongshe.primitives.header import Block, Digest, DigestItem, Header, Other, PreRuntime
from gongshe.primitives.records import Record
from gongshe.primitives.scale import ScaleError
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.executive import BlockExecution, Outcome, Runtime
from gongshe.runtime.overlay import Overlay, StateReader
from gongshe.runtime.pallets.aura import Aura
from gongshe.runtime.validity import (
    BadProof,
    BlockRefused,
    DecodedExtrinsic,
    Refused,
    decode,
    signed_message,
)
from gongshe.storage.blocks import Blocks
from gongshe.storage.database import StoreError
from gongshe.storage.states import PreparedState
from gongshe.storage.trie import ordered_root

MAX_EXTRINSICS = 65_536
"""Extrinsics in a block: five times what fits by weight."""

MAX_VERIFIED = 32_768
"""Checked extrinsics remembered: three full blocks, some 40 MB."""

MAX_VERIFIED_SIZE = 64 << 20
"""Bytes that they are charged with, as in the pool: what it pushed out would else be kept here."""

JOBS_AHEAD = 512
"""Signatures sent to be checked at a time, so that checking starts while decoding goes on."""

MAX_TRACE = 8_192
"""Characters of a traceback that an operator is shown: its end tells most."""

Assemblies = Mapping[int, Assembly]


class Verified:
    """Extrinsics whose signature was found valid, with what they signed; the oldest make room."""

    def __init__(self, limit: int = MAX_VERIFIED, size_limit: int = MAX_VERIFIED_SIZE) -> None:
        self._limit, self._size_limit = limit, size_limit
        self._found: dict[bytes, tuple[DecodedExtrinsic, bytes]] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._found)

    def add(self, extrinsic: DecodedExtrinsic, birth_hash: bytes) -> None:
        """Remember a valid extrinsic and the birth block that its signature covers."""
        found = self._found
        self._forget(extrinsic.hash)
        found[extrinsic.hash] = (extrinsic, birth_hash)
        self._size += charge(extrinsic)
        while len(found) > self._limit or self._size > self._size_limit:
            self._forget(next(iter(found)))

    def forget_blocks(self, blocks: Blocks, block_hashes: Sequence[bytes]) -> None:
        """Drop the extrinsics of blocks that are final."""
        if not self._found:
            return  # a node that catches up need not read its own blocks again
        for block_hash in block_hashes:
            for raw in blocks.body(block_hash) or ():
                self._forget(blake2_256(raw))

    def find(self, extrinsic_hash: bytes, execution: BlockExecution) -> DecodedExtrinsic | None:
        """Return an extrinsic whose signature is known to hold in the block under execution."""
        found = self._found.get(extrinsic_hash)
        if found is None or found[0].spec_version != execution.assembly.spec_version:
            return None
        extrinsic, birth_hash = found
        signature = extrinsic.signature
        if signature is None or signature.era is None:
            return extrinsic
        return extrinsic if execution.birth_hash(extrinsic) == birth_hash else None

    def _forget(self, extrinsic_hash: bytes) -> None:
        gone = self._found.pop(extrinsic_hash, None)
        if gone is not None:
            self._size -= charge(gone[0])


class PooledSignatures:
    """Whether signatures that were checked for the pool hold in the block under execution.

    They cover the spec version, and the hash of the block at which a mortal era began; both may
    have changed since: by an upgrade, by a re-organization.
    """

    def __init__(self, execution: BlockExecution, genesis_hash: bytes, verified: Verified) -> None:
        self._execution, self._genesis_hash, self._verified = execution, genesis_hash, verified

    def check(self, extrinsic: DecodedExtrinsic) -> None:
        """Raise Refused unless the signature holds here."""
        signature, version = extrinsic.signature, self._execution.assembly.spec_version
        if extrinsic.spec_version != version:
            raise Refused(
                BadProof(),
                expected=f"a signature for spec version {version}",
                found=f"one for {extrinsic.spec_version}",
                hint="sign it again",
            )
        if signature is None or signature.era is None:
            return
        if self._verified.find(extrinsic.hash, self._execution) is not None:
            return
        job = signature_job(self._execution, self._genesis_hash, extrinsic)
        if job is not None and not verify(job.scheme, job.public, job.signature, job.message):
            raise Refused(
                BadProof(),
                expected="a signature that holds on the present best chain",
                found="one over a block that has left it",
                hint="sign it again",
            )


class InvalidBlock(Exception):
    """A block that must never be imported; it says which rule it breaks."""

    def __init__(self, rule: str, expected: object = "", found: object = "") -> None:
        super().__init__(f"{rule}: expected {expected}, found {found}")
        self.rule, self.expected, self.found = rule, str(expected), str(found)


class ForeignBody(InvalidBlock):
    """What was sent as a block's body is not its header's; the block itself may be valid."""


class ExecutionBroken(InvalidBlock):
    """A block that brings out a fault of this program: refused, and the operator must be told."""

    def __init__(self, fault: Exception) -> None:
        super().__init__("execution", "a program without this fault", repr(fault))
        self.trace = "".join(traceback.format_exception(fault))[-MAX_TRACE:]


class Executed(Record, eq=False):
    """A block's execution on its parent's state: what it changes and the root of the result."""

    outcome: Outcome
    prepared: PreparedState
    extrinsics: tuple[DecodedExtrinsic, ...]


def schedule_after(assemblies: Assemblies, state: StateReader) -> tuple[tuple[bytes, ...], int]:
    """Return the slot schedule in force for the children of a block, and slot milliseconds."""
    aura = Runtime(next(iter(assemblies.values())), Overlay(state)).pallet(Aura)
    return aura.authorities.value, aura.slot_duration.value


def check_header(store: ChainStore, assemblies: Assemblies, parent: Head, header: Header) -> int:
    """Return the slot of a header that may follow its parent; InvalidBlock otherwise."""
    if header.number != parent.number + 1:
        raise InvalidBlock("number", parent.number + 1, header.number)
    schedule, _ = schedule_after(assemblies, store.states.executing(parent.block_hash))
    slot = parent.slot if parent.number else BEFORE_SLOTS
    try:
        return check_claim(header, slot, schedule)
    except HeaderRefused as refused:
        raise InvalidBlock("header", refused.expected, refused.found) from None


def check_body(header: Header, extrinsics: Sequence[bytes]) -> None:
    """Ensure that these are the header's extrinsics."""
    if len(extrinsics) > MAX_EXTRINSICS:
        raise ForeignBody("extrinsics", f"at most {MAX_EXTRINSICS}", len(extrinsics))
    root = ordered_root(extrinsics)
    if root != header.extrinsics_root:
        raise ForeignBody("extrinsics root", header.extrinsics_root.hex(), root.hex())


def execute(
    store: ChainStore,
    assemblies: Assemblies,
    block: Block,
    verifier: SignatureVerifier,
    verified: Verified,
) -> Executed:
    """Execute a block whose header and body were checked; InvalidBlock if it breaks a rule.

    Signatures that nobody has checked are checked meanwhile, in the verifier's processes.
    """
    header, _ = block.header.unsealed()
    claimed = header.digest.logs
    execution = BlockExecution(
        assemblies,
        store.states.executing(header.parent_hash),
        header.number,
        header.parent_hash,
        Digest(tuple(item for item in claimed if before_execution(item))),
    )
    try:
        extrinsics, tickets = _decode_all(execution, store.genesis_hash, block, verifier, verified)
        _apply_all(execution, extrinsics)
        outcome = execution.finish()
    except Refused as refused:
        raise _refused_at(len(execution.results), refused) from None
    except BlockRefused as refused:
        raise InvalidBlock("block", refused.expected, refused.found) from None
    except (InvalidBlock, StoreError, VerifierError, MemoryError):
        raise
    except Exception as fault:
        raise ExecutionBroken(fault) from None
    prepared = store.states.prepare(header.parent_hash, outcome.changes)
    if outcome.digest.logs != claimed:
        raise InvalidBlock("digest", outcome.digest.logs, claimed)
    if prepared.root != header.state_root:
        raise InvalidBlock("state root", header.state_root.hex(), prepared.root.hex())
    for ticket in tickets:
        if not all(ticket.results()):
            raise InvalidBlock("signature", "every signature to hold", "one that does not")
    return Executed(outcome, prepared, tuple(extrinsics))


def sealed_block(header: Header, slot: int, executed: Executed) -> NewBlock:
    """Return a block ready to be kept: the last stage."""
    return NewBlock(
        header,
        header.hash,
        slot,
        [extrinsic.raw for extrinsic in executed.extrinsics],
        [extrinsic.hash for extrinsic in executed.extrinsics],
        executed.prepared,
    )


def before_execution(item: DigestItem) -> bool:
    """Tell whether a digest item is told to the runtime rather than by it."""
    return isinstance(item, PreRuntime | Other)


def signature_job(
    execution: BlockExecution, genesis_hash: bytes, extrinsic: DecodedExtrinsic
) -> SignatureJob | None:
    """Return the question whether an extrinsic's signature holds; None if it has none."""
    signature = extrinsic.signature
    if signature is None:
        return None
    birth = genesis_hash if signature.era is None else execution.birth_hash(extrinsic)
    message = signed_message(execution.assembly, extrinsic, genesis_hash, birth)
    return SignatureJob(signature.scheme, signature.signer, signature.value, message)


def _apply_all(execution: BlockExecution, extrinsics: Sequence[DecodedExtrinsic]) -> None:
    """Execute everything between a block's opening and its end."""
    execution.open()
    apply = execution.apply
    for extrinsic in extrinsics:
        apply(extrinsic)


def _decode_all(
    execution: BlockExecution,
    genesis_hash: bytes,
    block: Block,
    verifier: SignatureVerifier,
    verified: Verified,
) -> tuple[list[DecodedExtrinsic], list[Ticket]]:
    """Read every extrinsic and send off the signatures that nobody has checked."""
    extrinsics: list[DecodedExtrinsic] = []
    tickets: list[Ticket] = []
    jobs: list[SignatureJob] = []
    assembly = execution.assembly
    for raw in block.extrinsics:
        try:
            extrinsic_hash = blake2_256(raw)
            extrinsic = verified.find(extrinsic_hash, execution)
            if extrinsic is None:
                extrinsic = decode(assembly, raw, extrinsic_hash)
                job = signature_job(execution, genesis_hash, extrinsic)
                if job is not None:
                    jobs.append(job)
        except Refused as refused:
            raise _refused_at(len(extrinsics), refused) from None
        except ScaleError as fault:
            expected = "a call of this runtime"
            raise InvalidBlock(f"extrinsic {len(extrinsics)}: BadFormat", expected, fault) from None
        if len(jobs) == JOBS_AHEAD:
            tickets.append(_submit(verifier, jobs))
            jobs = []
        if extrinsic.signature is None and extrinsics and extrinsics[-1].signature is not None:
            rule = f"extrinsic {len(extrinsics)}: order"
            raise InvalidBlock(rule, "what the author tells before what users signed", "it after")
        extrinsics.append(extrinsic)
    if jobs:
        tickets.append(_submit(verifier, jobs))
    return extrinsics, tickets


def _submit(verifier: SignatureVerifier, jobs: Sequence[SignatureJob]) -> Ticket:
    """Have signatures checked; here, if the verifier is busy with what others offer the pool."""
    try:
        return verifier.submit(jobs)
    except VerifierBusyError:
        return InlineVerifier().submit(jobs)


def _refused_at(position: int, refused: Refused) -> InvalidBlock:
    return InvalidBlock(f"extrinsic {position}: {refused.name}", refused.expected, refused.found)
