"""From a chain spec to the first state and the first block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gongshe.genesis.spec import ChainSpec, SpecMalformed
from gongshe.primitives.address import AddressError, decode_address, read_account_hex
from gongshe.primitives.header import Digest, Header
from gongshe.primitives.records import Record
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.executive import build_genesis
from gongshe.runtime.pallet import CallFailed, InvariantBroken
from gongshe.storage.blocks import Blocks, StoredHeader
from gongshe.storage.founding import found_states
from gongshe.storage.memory import MemoryDatabase
from gongshe.storage.trie import ordered_root

NO_PARENT = bytes(32)


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
    if spec.raw is not None:
        pairs = dict(spec.raw)
    else:
        config = read_patch(spec.patch or {})
        known = [pallet.name for pallet in assembly.pallets]
        for name in config:
            if name not in known:
                raise SpecMalformed(f"chain spec, genesis: no pallet {name}; there are {known}")
        try:
            pairs = build_genesis(assembly, config)
        except (CallFailed, InvariantBroken, LookupError, TypeError, ValueError) as fault:
            raise SpecMalformed(f"chain spec, genesis: {fault}") from fault
    header = Header(NO_PARENT, 0, found_states(pairs.items()).root, ordered_root(()), Digest())
    return Genesis(header, header.hash, pairs)


def read_patch(patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return each pallet's part, by the pallet's name, with addresses as account ids."""
    unknown = sorted(patch.keys() - READERS.keys())
    if unknown:
        raise SpecMalformed(
            f"chain spec, genesis: expected parts for {', '.join(READERS)}, found {unknown[0]!r}"
        )
    return {READERS[name][0]: READERS[name][1](part) for name, part in patch.items()}


def read_account(text: object) -> bytes:
    """Return the account that an SS58 address or 0x-hexadecimal names."""
    if not isinstance(text, str):
        raise SpecMalformed(f"chain spec: an address expected, found {text!r:.80}")
    try:
        return read_account_hex(text) if text.startswith("0x") else decode_address(text)
    except AddressError as fault:
        raise SpecMalformed(f"chain spec: {fault}") from None


def _balances(part: Any) -> Any:
    return {"balances": [(read_account(who), amount) for who, amount in part["balances"]]}


def _aura(part: Any) -> Any:
    return {
        "authorities": [read_account(who) for who in part["authorities"]],
        "slotDuration": part["slotDuration"],
    }


def _sudo(part: Any) -> Any:
    key = part.get("key")
    return {"key": None if key is None else read_account(key)}


def _assets(part: Any) -> Any:
    read = dict(part)
    read["assets"] = [
        (asset_id, read_account(owner), sufficient, least)
        for asset_id, owner, sufficient, least in part.get("assets", ())
    ]
    read["accounts"] = [
        (asset_id, read_account(who), balance)
        for asset_id, who, balance in part.get("accounts", ())
    ]
    return read


READERS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "balances": ("Balances", _balances),
    "aura": ("Aura", _aura),
    "assets": ("Assets", _assets),
    "transactionPayment": ("TransactionPayment", dict),
    "sudo": ("Sudo", _sudo),
}
"""For each part of a plain spec: the pallet's name, and how its JSON is read."""
