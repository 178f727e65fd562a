"""`gongshe block`, `extrinsic`, `events`: what stands in blocks, in words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import click

from gongshe.cli_client import NodeClient, url_option
from gongshe.cli_output import REFUSED, Failed, answer, described, json_option, plain, table
from gongshe.primitives.header import DigestItem
from gongshe.primitives.scale import ScaleError
from gongshe.primitives.schema import codec_of
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.display import show_extrinsic, show_records
from gongshe.runtime.pallets.system import System
from gongshe.runtime.validity import decode
from gongshe.runtime.versions import SHIPPED

POLL_SECONDS = 0.5
"""Between two looks for new blocks: half a slot of a development chain."""


@click.command()
@click.argument("block", default="best")
@url_option
@json_option
def block(block: str, url: str, as_json: bool) -> None:
    """Show a block: header, extrinsics and what became of them.

    BLOCK is best, finalized, a number or a hash.
    """
    node = NodeClient(url)
    shown = read_block(node, node.block_hash(block))
    answer(shown, as_json, block_lines(shown))


@click.group()
def extrinsic() -> None:
    """Say in words what an extrinsic is."""


@extrinsic.command(name="decode")
@click.argument("raw")
@click.option("--spec-version", type=int, help="The rules to read it by; the newest otherwise.")
@json_option
def decode_(raw: str, spec_version: int | None, as_json: bool) -> None:
    """Say in words what an extrinsic does. RAW is hexadecimal, length prefix included."""
    version = max(SHIPPED) if spec_version is None else spec_version
    rules = SHIPPED.get(version)
    if rules is None:
        raise Failed(f"--spec-version: this program ships {sorted(SHIPPED)}, not {version}")
    try:
        found = decode(rules, bytes.fromhex(raw.strip().removeprefix("0x")))
    except ScaleError as fault:
        raise Failed(
            f"not an extrinsic of spec version {version}: {fault}",
            "give the whole extrinsic, length prefix included, and the --spec-version it is for",
        ) from None
    except ValueError:
        raise Failed(f"hexadecimal expected, found {raw[:40]!r}") from None
    answer(show_extrinsic(rules, found), as_json)


@click.command()
@click.argument("block", default="best")
@click.option("--follow", "-f", is_flag=True, help="Go on with each new block until interrupted.")
@click.option("--finalized", is_flag=True, help="With --follow: blocks once they are final.")
@click.option("--pallet", help="Only this pallet's.")
@url_option
@json_option
def events(
    block: str, follow: bool, finalized: bool, pallet: str | None, url: str, as_json: bool
) -> None:
    """Show the events of a block, decoded. BLOCK is best, finalized, a number or a hash.

    With --follow, one line for each event; with --json too, one JSON object a line.
    """
    node = NodeClient(url)
    if follow:
        for shown in following(node, "finalized" if finalized else "best"):
            for event in chosen(shown["events"], pallet):
                told = {"block": shown["number"], **event}
                click.echo(json.dumps(told, ensure_ascii=False) if as_json else line_of(told))
        return
    block_hash = node.block_hash(block)
    found = chosen(read_events(node, node.rules_of(block_hash), block_hash), pallet)
    rows = [(place_of(each), f"{each['pallet']}.{each['event']}", each["fields"]) for each in found]
    answer(found, as_json, table(("at", "event", "fields"), rows))


def following(node: NodeClient, head: str) -> Iterator[dict[str, Any]]:
    """Yield number and events of the head, then of each block after it, for ever."""
    number = int(node.header(node.block_hash(head))["number"], 16)
    while True:
        newest = int(node.header(node.block_hash(head))["number"], 16)
        while number <= newest:
            block_hash = node.block_hash(str(number))
            yield {
                "number": number,
                "events": read_events(node, node.rules_of(block_hash), block_hash),
            }
            number += 1
        time.sleep(POLL_SECONDS)


def read_events(node: NodeClient, rules: Assembly, block_hash: str) -> list[dict[str, Any]]:
    """Return the events of a block, in words."""
    raw = node.value(System.declared.items["events"].prefix, block_hash)
    return [] if raw is None else show_records(rules, raw)


def read_block(node: NodeClient, block_hash: str) -> dict[str, Any]:
    """Return a block in words, each extrinsic with its events."""
    answered = node.ask("chain_getBlock", block_hash)
    if answered is None:
        raise Failed(f"the node knows no block {block_hash}", exit_code=REFUSED)
    header = answered["block"]["header"]
    rules = node.rules_of(block_hash)
    happened = read_events(node, rules, block_hash)
    extrinsics = []
    for index, raw in enumerate(answered["block"]["extrinsics"]):
        shown = show_extrinsic(rules, decode(rules, bytes.fromhex(raw[2:])))
        own = [event for event in happened if event["extrinsic"] == index]
        extrinsics.append({**shown, "result": result_of(own), "events": own})
    finalized = node.header(node.block_hash("finalized"))
    return {
        "number": int(header["number"], 16),
        "hash": block_hash,
        "parentHash": header["parentHash"],
        "stateRoot": header["stateRoot"],
        "extrinsicsRoot": header["extrinsicsRoot"],
        "specVersion": rules.spec_version,
        "digest": [show_digest(bytes.fromhex(item[2:])) for item in header["digest"]["logs"]],
        "finalized": is_final(node, block_hash, header, finalized),
        "extrinsics": extrinsics,
        "events": [event for event in happened if event["extrinsic"] is None],
    }


def is_final(
    node: NodeClient, block_hash: str, header: dict[str, Any], finalized: dict[str, Any]
) -> bool:
    """Tell whether a block is final: not above the finalized one, and on its chain."""
    number = int(header["number"], 16)
    if number > int(finalized["number"], 16):
        return False
    return bool(node.ask("chain_getBlockHash", number) == block_hash)


def show_digest(raw: bytes) -> dict[str, Any]:
    """Return one item of a header's digest in words."""
    item = DIGEST_ITEM.decode(raw)
    shown: dict[str, Any] = {"kind": type(item).scale_variant}
    engine = getattr(item, "engine", None)
    data = getattr(item, "data", None)
    if engine is not None:
        shown["engine"] = engine.decode("ascii", "backslashreplace")
    if shown["kind"] == "PreRuntime" and shown["engine"] == "aura" and len(data or b"") == 8:
        shown["slot"] = int.from_bytes(data or b"", "little")
    elif data is not None:
        shown["data"] = f"0x{data.hex()}"
    return shown


DIGEST_ITEM = codec_of(DigestItem)
"""The codec of any item of a digest."""


def result_of(own: list[dict[str, Any]]) -> Any:
    """Return `success`, or the error that an extrinsic's last event tells."""
    for event in reversed(own):
        if (event["pallet"], event["event"]) == ("System", "ExtrinsicSuccess"):
            return "success"
        if (event["pallet"], event["event"]) == ("System", "ExtrinsicFailed"):
            return event["fields"]["dispatch_error"]
    return None


def block_lines(shown: dict[str, Any]) -> Iterator[str]:
    """Yield a block as people read it: its header, then a line for each extrinsic."""
    head = {name: each for name, each in shown.items() if name not in {"extrinsics", "events"}}
    head["digest"] = ", ".join(
        " ".join(str(word)[:40] for word in item.values()) for item in shown["digest"]
    )
    yield from described(head)
    yield ""
    rows = [
        (
            index,
            f"{each['pallet']}.{each['call']}",
            each.get("signer", "inherent"),
            plain(each["result"]),
            plain(each["args"])[:60],
        )
        for index, each in enumerate(shown["extrinsics"])
    ]
    yield from table(("#", "call", "signer", "result", "arguments"), rows)


def chosen(events: list[dict[str, Any]], pallet: str | None) -> list[dict[str, Any]]:
    """Return the events of one pallet, or all."""
    return [each for each in events if pallet is None or each["pallet"].lower() == pallet.lower()]


def place_of(event: dict[str, Any]) -> str:
    """Return where in its block an event was emitted."""
    return event["phase"] if event["extrinsic"] is None else f"extrinsic {event['extrinsic']}"


def line_of(event: dict[str, Any]) -> str:
    """Return one event as one line."""
    return (
        f"{event['block']}  {place_of(event)}  {event['pallet']}.{event['event']}"
        f"  {plain(event['fields'])}"
    )
