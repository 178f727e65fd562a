"""From a chain spec to the first state and the first block."""

from __future__ import annotations

from collections.abc import Mapping

from gongshe.genesis.parts import read_parts, refuse
from gongshe.genesis.spec import ChainSpec, SpecMalformed
from gongshe.primitives.header import Digest, Header
from gongshe.primitives.records import Record
from gongshe.primitives.scale import ScaleError
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.executive import build_genesis
from gongshe.runtime.pallet import CallFailed, InvariantBroken
from gongshe.runtime.pallets.aura import Aura
from gongshe.runtime.pallets.system import System
from gongshe.storage.blocks import Blocks, StoredHeader
from gongshe.storage.founding import found_states
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.trie import ordered_root

NO_PARENT = bytes(32)

ESSENTIAL = (
    System.declared.items["last_runtime_upgrade"],
    Aura.declared.items["authorities"],
    Aura.declared.items["slot_duration"],
)
"""Values without which no first block can be made: the rules in force and who authors when."""


class Genesis(Record, eq=False):
    """The first block and everything that founds a chain's database."""

    header: Header
    block_hash: bytes
    pairs: Mapping[bytes, bytes]

    def founding(self, retained: int) -> dict[bytes, bytes | None]:
        """Return all writes that found the database; `retained` states are kept (0: all)."""
        states = found_states(self.pairs.items(), retained)
        blocks = Blocks(MemoryDatabase())
        stored = StoredHeader(0, NO_PARENT, self.header.encode())
        batch: dict[bytes, bytes | None] = dict(states.batch_for(self.block_hash))
        batch |= blocks.put(self.block_hash, stored, ())
        batch |= blocks.set_best(self.block_hash, 0, NO_PARENT)
        batch |= blocks.set_finalized(self.block_hash, 0)
        return batch


def build(spec: ChainSpec, assembly: Assembly) -> Genesis:
    """Build the genesis block of a spec; SpecMalformed if its parts do not make a sound state."""
    pairs = _first_state(spec, assembly) if spec.raw is None else dict(spec.raw)
    for item in ESSENTIAL:
        if item.prefix not in pairs:
            refuse(
                "genesis.raw.top",
                f"{item.pallet_name}.{item.name} (key 0x{item.prefix.hex()})",
                "a state without it; was this spec written for another kind of chain?",
            )
    header = Header(NO_PARENT, 0, found_states(pairs.items()).root, ordered_root(()), Digest())
    return Genesis(header, header.hash, pairs)


def _first_state(spec: ChainSpec, assembly: Assembly) -> dict[bytes, bytes]:
    config = read_parts(spec.patch or {})
    known = [pallet.name for pallet in assembly.pallets]
    for name in config:
        if name not in known:
            refuse("genesis", f"parts for the pallets of this runtime, {', '.join(known)}", name)
    try:
        return build_genesis(assembly, config)
    except CallFailed as fault:
        refuse("genesis", f"{fault.expected} ({type(fault).__name__} {fault})", fault.found)
    except (InvariantBroken, ScaleError) as fault:
        raise SpecMalformed(f"chain spec, genesis: {fault}") from fault
