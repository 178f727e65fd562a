"""The check before a node starts on its data: that head, parents and state belong together.

It only looks. What it finds wrong it says and refuses; nothing is repaired, because a repaired
database can have holes that no one sees.
"""

from gongshe.primitives.scale import ScaleError, read_compact
from gongshe.storage.blocks import Blocks, Tip
from gongshe.storage.database import ADVICE, StoreDamaged
from gongshe.storage.proofs import ProofRefused, verify_proof
from gongshe.storage.states import States
from gongshe.storage.trie_nodes import hash_256
from gongshe.storage.views import StateView

CHECKED_ANCESTORS = 256
"""Parents of the best block looked at: as many as a node ever reorganizes or serves proofs for."""

CHECKED_KEYS = 16
"""Keys of the finalized state that are proved against its root, spread evenly over the space."""


def inspect(blocks: Blocks, states: States) -> None:
    """Refuse, with `StoreDamaged`, data whose parts contradict each other."""
    best, finalized = blocks.best(), blocks.finalized()
    if best is None or finalized is None:
        raise StoreDamaged(f"the database has no best or no finalized block. {ADVICE}")
    status = states.status
    if (finalized.number, finalized.block_hash) != (status.number, status.block_hash):
        raise StoreDamaged(
            f"blocks are final up to {_name(finalized)}, states up to "
            f"{_name(Tip(status.number, status.block_hash))}. {ADVICE}"
        )
    _inspect_ancestors(blocks, best, finalized)
    _inspect_root(blocks, finalized, status.root)
    for number, block_hash in states.unfinalized():
        if blocks.header(block_hash) is None:
            raise StoreDamaged(
                f"a state is kept for {_name(Tip(number, block_hash))}, whose header is missing. "
                f"{ADVICE}"
            )
    _inspect_state(states.at(status.block_hash), status.root, finalized)


def _inspect_ancestors(blocks: Blocks, best: Tip, finalized: Tip) -> None:
    """Follow the parents of the best block down to and beyond the finalized one."""
    expected = best
    lowest = max(0, min(best.number - CHECKED_ANCESTORS, finalized.number))
    while True:
        stored = blocks.stored_header(expected.block_hash)
        if stored is None or blocks.body(expected.block_hash) is None:
            raise StoreDamaged(f"{_name(expected)} of the best chain is missing. {ADVICE}")
        if stored.number != expected.number or hash_256(stored.header) != expected.block_hash:
            raise StoreDamaged(f"the header of {_name(expected)} is another block's. {ADVICE}")
        if stored.header[:32] != stored.parent:
            raise StoreDamaged(f"{_name(expected)} is kept with a wrong parent. {ADVICE}")
        if blocks.canonical(expected.number) != expected.block_hash:
            raise StoreDamaged(f"{_name(expected)} is not found by its number. {ADVICE}")
        if expected.number == finalized.number and expected != finalized:
            raise StoreDamaged(
                f"the best chain has {_name(expected)} where {_name(finalized)} is final. {ADVICE}"
            )
        if expected.number <= lowest:
            return
        expected = Tip(expected.number - 1, stored.parent)


def _inspect_root(blocks: Blocks, finalized: Tip, root: bytes) -> None:
    """Compare the state's root with the one in the header: after parent and compact number."""
    header = blocks.header(finalized.block_hash) or b""
    try:
        offset = read_compact(header, 32)[1]
    except ScaleError:
        offset = len(header)
    if header[offset : offset + 32] != root:
        raise StoreDamaged(
            f"{_name(finalized)} names another state root than 0x{root.hex()}, the root of the "
            f"state that is kept. {ADVICE}"
        )


def _inspect_state(state: StateView, root: bytes, finalized: Tip) -> None:
    """Prove keys from all over the state against its root."""
    expected: dict[bytes, bytes | None] = {}
    for part in range(CHECKED_KEYS):
        start = bytes((part * 256 // CHECKED_KEYS,))
        pair = next(state.pairs(b"", start), None)
        if pair is not None:
            expected[pair[0]] = pair[1]
    try:
        proven = verify_proof(root, state.prove(list(expected)), expected)
    except ProofRefused as error:
        raise StoreDamaged(
            f"the state of {_name(finalized)} does not lead to its root: {error}. {ADVICE}"
        ) from error
    if proven != expected:
        raise StoreDamaged(f"the state of {_name(finalized)} is not its trie's. {ADVICE}")


def _name(tip: Tip) -> str:
    return f"block {tip.number} (0x{tip.block_hash.hex()})"
