"""Chain specs: which chain this is, and the state it begins with, as a JSON document.

The format is Substrate's. A *plain* spec says what each pallet begins with (`genesis.runtimeGenesis
.patch`, addresses in SS58); a *raw* one lists storage keys and values (`genesis.raw.top`) and is
what nodes of one chain exchange. Both lead to the same genesis block.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from gongshe.primitives.records import Record
from gongshe.primitives.types import SS58_PREFIX

MAX_SPEC_BYTES = 256 << 20
"""A raw spec of a million accounts has some 350 bytes of hexadecimal each."""

CHAIN_TYPES = ("Development", "Local", "Live")
MAX_NAME = 64
"""Characters of a name or id: they become folder names and lines on a screen."""

NATIVE_TOKEN = "DC"
NATIVE_DECIMALS = 12

FIELDS = {
    "name",
    "id",
    "chainType",
    "bootNodes",
    "telemetryEndpoints",
    "protocolId",
    "properties",
    "forkBlocks",
    "badBlocks",
    "codeSubstitutes",
    "consensusEngine",
    "genesis",
    "lightSyncState",
}

UNUSED = {
    "forkBlocks": "this program knows no exceptions to its rules",
    "badBlocks": "this program knows no exceptions to its rules",
    "codeSubstitutes": "the rules come with the program and are never replaced by a spec",
}
"""Fields that may only stand empty: to ignore them would make another chain of it."""


class SpecMalformed(ValueError):
    """A chain spec that cannot be used; the text says what was expected and found."""


class ChainSpec(Record):
    """A chain: its names, what clients should show, and how it begins.

    Exactly one of `patch` (per pallet, in JSON's words) and `raw` (storage keys and values) is set.
    """

    name: str
    id: str
    chain_type: str
    properties: Mapping[str, Any]
    patch: Mapping[str, Any] | None = None
    raw: Mapping[bytes, bytes] | None = None
    boot_nodes: tuple[str, ...] = ()
    protocol_id: str | None = None

    @property
    def is_development(self) -> bool:
        """Whether well-known keys may author and hold sudo on this chain."""
        return self.chain_type in {"Development", "Local"}

    def with_raw(self, pairs: Mapping[bytes, bytes]) -> ChainSpec:
        """Return the raw form of this spec, given the first state."""
        return ChainSpec(
            self.name,
            self.id,
            self.chain_type,
            self.properties,
            None,
            dict(pairs),
            self.boot_nodes,
            self.protocol_id,
        )


DEFAULT_PROPERTIES: Mapping[str, Any] = {
    "ss58Format": SS58_PREFIX,
    "tokenDecimals": NATIVE_DECIMALS,
    "tokenSymbol": NATIVE_TOKEN,
}


def read_spec(text: str | bytes) -> ChainSpec:
    """Read a chain spec; SpecMalformed says which part is wrong and what belongs there."""
    document = _read_document(text)
    chain_type = document.get("chainType", "Live")
    if chain_type not in CHAIN_TYPES:
        _refuse("chainType", " or ".join(CHAIN_TYPES), chain_type)
    properties = document.get("properties") or {}
    if not isinstance(properties, dict):
        _refuse("properties", "an object", properties)
    for field, why in UNUSED.items():
        if document.get(field):
            _refuse(field, f"nothing: {why}", document[field])
    patch, raw = _read_genesis(document.get("genesis"))
    boot_nodes = document.get("bootNodes") or []
    if not isinstance(boot_nodes, list) or not all(isinstance(each, str) for each in boot_nodes):
        _refuse("bootNodes", "a list of multiaddresses", boot_nodes)
    protocol_id = document.get("protocolId")
    if protocol_id is not None and not isinstance(protocol_id, str):
        _refuse("protocolId", "a text or null", protocol_id)
    return ChainSpec(
        _read_name(document, "name"),
        _read_id(document),
        chain_type,
        {**DEFAULT_PROPERTIES, **properties},
        patch,
        raw,
        tuple(boot_nodes),
        protocol_id,
    )


def write_spec(spec: ChainSpec) -> str:
    """Return a spec as JSON that `read_spec` and other Substrate tools read."""
    genesis: dict[str, Any]
    if spec.raw is not None:
        top = {f"0x{key.hex()}": f"0x{value.hex()}" for key, value in sorted(spec.raw.items())}
        genesis = {"raw": {"top": top, "childrenDefault": {}}}
    else:
        genesis = {"runtimeGenesis": {"patch": dict(spec.patch or {})}}
    document = {
        "name": spec.name,
        "id": spec.id,
        "chainType": spec.chain_type,
        "bootNodes": list(spec.boot_nodes),
        "telemetryEndpoints": None,
        "protocolId": spec.protocol_id,
        "properties": dict(spec.properties),
        "forkBlocks": None,
        "badBlocks": None,
        "codeSubstitutes": {},
        "genesis": genesis,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _read_document(text: str | bytes) -> dict[str, Any]:
    """Return a JSON document with known fields, none twice and no fractions."""
    if len(text) > MAX_SPEC_BYTES:
        _refuse("document", f"at most {MAX_SPEC_BYTES} bytes", f"{len(text)} bytes")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_no_repeats,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except SpecMalformed:
        raise
    except (ValueError, RecursionError) as fault:
        raise SpecMalformed(f"chain spec: a JSON document expected, found {fault}") from None
    if not isinstance(document, dict):
        _refuse("document", "an object", document)
    unknown = sorted(document.keys() - FIELDS)
    if unknown:
        _refuse("document", f"only the fields {', '.join(sorted(FIELDS))}", unknown[0])
    return document


def _read_genesis(
    genesis: object,
) -> tuple[Mapping[str, Any] | None, Mapping[bytes, bytes] | None]:
    if not isinstance(genesis, dict):
        _refuse("genesis", "an object", genesis)
    if set(genesis) == {"raw"}:
        return None, _read_raw(genesis["raw"])
    runtime = genesis.get("runtimeGenesis")
    if set(genesis) != {"runtimeGenesis"} or not isinstance(runtime, dict):
        _refuse("genesis", "one of raw and runtimeGenesis", ", ".join(genesis))
    if len(runtime) != 1 or not runtime.keys() & {"patch", "config"}:
        _refuse(
            "genesis.runtimeGenesis",
            "patch or config and nothing else (the rules come with the program, not the spec)",
            ", ".join(runtime),
        )
    patch = next(iter(runtime.values()))
    if not isinstance(patch, dict):
        _refuse("genesis.runtimeGenesis", "an object under patch or config", patch)
    return patch, None


def _read_raw(raw: object) -> Mapping[bytes, bytes]:
    top = raw.get("top") if isinstance(raw, dict) else None
    if not isinstance(top, dict) or not isinstance(raw, dict):
        _refuse("genesis.raw.top", "an object of storage keys and values", top)
    if raw.get("childrenDefault"):
        _refuse("genesis.raw.childrenDefault", "nothing: this chain has no child tries", "some")
    pairs = {_read_hex(key): _read_hex(value) for key, value in top.items()}
    if len(pairs) != len(top):
        _refuse("genesis.raw.top", "each storage key once", "one in two spellings")
    if not pairs:
        _refuse("genesis.raw.top", "at least one storage key", "none")
    return pairs


def _read_hex(text: object) -> bytes:
    if isinstance(text, str) and text.startswith("0x"):
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            pass
    return _refuse("genesis.raw.top", "hexadecimal with 0x", text)


def _read_name(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        _refuse(field, f"1 to {MAX_NAME} printable characters", value)
    return value


def _read_id(document: Mapping[str, Any]) -> str:
    value = _read_name(document, "id")
    if not value.replace("_", "").replace("-", "").isalnum() or not value.isascii():
        _refuse("id", "letters, digits, - and _ (it becomes a folder)", value)
    return value


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse("document", "each field once", f"{twice} twice")
    return found


def _no_float(text: str) -> NoReturn:
    _refuse("document", "whole numbers (amounts are in the smallest unit)", text)


def _refuse(part: str, expected: str, found: object) -> NoReturn:
    raise SpecMalformed(f"chain spec, {part}: expected {expected}, found {found!r:.80}")
