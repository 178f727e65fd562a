"""`gongshe state`: read the state by names, now or as it was after an earlier block."""

from __future__ import annotations

from typing import Any

import click

from gongshe.cli_client import NodeClient, at_option, url_option
from gongshe.cli_output import Failed, answer, described, json_option, plain, table
from gongshe.cli_words import read_word
from gongshe.primitives.scale import ScaleError
from gongshe.runtime.arguments import ArgumentRefused, find_item, storage_key
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.display import show, show_keys, show_stored
from gongshe.runtime.items import Item

KEYS_PER_PAGE = 1_000
"""What a node gives at a time."""


@click.group()
def state() -> None:
    """Read the state: `get` a value, list `keys`, or read `at` an earlier block."""


@state.command()
@click.argument("item")
@click.argument("keys", nargs=-1)
@at_option
@url_option
@json_option
def get(item: str, keys: tuple[str, ...], at: str, url: str, as_json: bool) -> None:
    """Show a stored value: `state get System.Account //Alice`, `state get 0x3a636f6465`."""
    answer_value(NodeClient(url), at, item, keys, as_json)


@state.command()
@click.argument("block")
@click.argument("item")
@click.argument("keys", nargs=-1)
@url_option
@json_option
def at(block: str, item: str, keys: tuple[str, ...], url: str, as_json: bool) -> None:
    """Show a value as it was after BLOCK: `state at 7 System.Account //Alice`."""
    answer_value(NodeClient(url), block, item, keys, as_json)


@state.command(name="keys")
@click.argument("item")
@click.argument("leading", nargs=-1)
@click.option("--count", default=100, show_default=True, help="How many at most.")
@click.option("--after", help="Go on after this storage key.")
@click.option("--values", is_flag=True, help="Show what is stored, too.")
@at_option
@url_option
@json_option
def keys_(
    item: str,
    leading: tuple[str, ...],
    count: int,
    after: str | None,
    values: bool,
    at: str,
    url: str,
    as_json: bool,
) -> None:
    """List what is stored under an item, its leading keys, or a 0x prefix."""
    node = NodeClient(url)
    block_hash = node.block_hash(at)
    rules = node.rules_of(block_hash)
    named = None if item.startswith("0x") else found_item(rules, item)
    prefix = read_raw(item) if named is None else place_of(rules, named, leading)
    found = []
    for key in paged(node, prefix, after, count, block_hash):
        entry: dict[str, Any] = {"key": f"0x{key.hex()}"}
        if named is not None:
            entry["keys"] = show_keys(rules, named, key)
        if values:
            raw = node.value(key, block_hash) or b""
            entry["value"] = f"0x{raw.hex()}" if named is None else decoded(rules, named, raw)
        found.append(entry)
    headings = [name for name in ("keys", "value", "key") if any(name in each for each in found)]
    rows = [[cell(each.get(name)) for name in headings] for each in found]
    answer(found, as_json, table(headings, rows) if found else ["nothing is stored there"])


def answer_value(
    node: NodeClient, block: str, item: str, keys: tuple[str, ...], as_json: bool
) -> None:
    """Print one value after a block, by names or by its raw key."""
    block_hash = node.block_hash(block)
    if item.startswith("0x"):
        raw = node.value(read_raw(item), block_hash)
        shown = None if raw is None else f"0x{raw.hex()}"
        answer(
            {"block": block_hash, "key": item, "value": shown},
            as_json,
            [shown if shown is not None else "nothing is stored there"],
        )
        return
    rules = node.rules_of(block_hash)
    named = found_item(rules, item)
    wanted = len(named.hashers)
    if len(keys) != wanted:
        raise Failed(
            f"{item} has {wanted} keys, {len(keys)} were given",
            f"`gongshe state keys {item}` lists them" if wanted else "it is a single value",
        )
    key = place_of(rules, named, keys)
    raw = node.value(key, block_hash)
    if raw is None and named.default is not None:
        value = show(rules, named.default, named.annotations[-1])
    else:
        value = None if raw is None else decoded(rules, named, raw)
    told = {
        "block": block_hash,
        "key": f"0x{key.hex()}",
        "isDefault": raw is None,
        "value": value,
    }
    lines = list(described(value)) if value is not None else ["nothing is stored there"]
    if raw is None and value is not None:
        lines.append("(the default: nothing is stored there)")
    answer(told, as_json, lines)


def paged(
    node: NodeClient, prefix: bytes, after: str | None, count: int, block_hash: str
) -> list[bytes]:
    """Return storage keys under a prefix, page by page."""
    found: list[str] = []
    while len(found) < count:
        start = found[-1] if found else after
        size = min(count - len(found), KEYS_PER_PAGE)
        page = node.ask("state_getKeysPaged", f"0x{prefix.hex()}", size, start, block_hash)
        found += page
        if len(page) < size:
            break
    return [bytes.fromhex(key[2:]) for key in found]


def found_item(rules: Assembly, name: str) -> Item:
    """Return a storage item by name."""
    try:
        return find_item(rules, name)
    except ArgumentRefused as fault:
        raise Failed(str(fault), "names are written Pallet.Item, such as System.Account") from None


def place_of(rules: Assembly, item: Item, keys: tuple[str, ...]) -> bytes:
    """Return the storage key under words."""
    try:
        return storage_key(rules, item, [read_word(key) for key in keys])
    except ArgumentRefused as fault:
        raise Failed(str(fault)) from None


def decoded(rules: Assembly, item: Item, raw: bytes) -> Any:
    """Return a stored value in words."""
    try:
        return show_stored(rules, item, raw)
    except ScaleError as fault:
        raise Failed(
            f"{item.pallet_name}.{item.name} holds what spec version {rules.spec_version} does not "
            f"read: {fault}",
            "read it raw, by its 0x key",
        ) from None


def read_raw(text: str) -> bytes:
    """Return the bytes of a raw key."""
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        raise Failed(f"a storage key in hexadecimal was expected, found {text[:40]!r}") from None


def cell(value: Any) -> str:
    """Return a cell of the table of keys."""
    return ", ".join(map(plain, value)) if isinstance(value, list) else plain(value)
