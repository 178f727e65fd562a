"""`gongshe call`: make a call, look at it, try it without consequences, or send it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gongshe.cli_block import read_events, result_of
from gongshe.cli_client import NodeClient, url_option
from gongshe.cli_output import REFUSED, Failed, amount, answer, json_option
from gongshe.cli_secrets import SCHEMES, SOURCE_HELP, read_keypair
from gongshe.cli_words import read_words
from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.extrinsic import (
    MortalEra,
    encode_extra,
    encode_signed,
    implied_data,
    signing_payload,
)
from gongshe.primitives.keys import Keypair
from gongshe.primitives.scale import Err
from gongshe.primitives.schema import codec_of
from gongshe.primitives.types import DispatchResult
from gongshe.runtime.api_types import ApplyExtrinsicResult
from gongshe.runtime.arguments import ArgumentRefused, find_call, read_amount, read_call
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.display import show, show_call
from gongshe.runtime.pallet import Call
from gongshe.runtime.validity import TransactionValidityError
from gongshe.runtime.versions import SHIPPED

APPLY_RESULT = codec_of(ApplyExtrinsicResult)

ERA = 64
"""Blocks in which a submitted call may be included, unless `--era` says otherwise."""

POLL_SECONDS = 0.2
WAIT_SECONDS = 60.0
"""As long as the era with slots of one second; finality follows within a few."""


@click.command()
@click.argument("name", metavar="PALLET.CALL")
@click.argument("arguments", nargs=-1)
@click.option("--from", "source", help=f"Who signs. {SOURCE_HELP}")
@click.option("--scheme", type=click.Choice(list(SCHEMES)), default="sr25519", show_default=True)
@click.option("--tip", default="0", show_default=True, help="For the author, such as 0.1DC.")
@click.option("--nonce", type=click.IntRange(0), help="Instead of the account's next one.")
@click.option("--era", default=ERA, show_default=True, help="Blocks it lives; 0 for ever.")
@click.option("--dry-run", is_flag=True, help="Ask the node what would happen; change nothing.")
@click.option("--submit", is_flag=True, help="Sign and send it.")
@click.option(
    "--wait",
    type=click.Choice(["none", "included", "finalized"]),
    default="finalized",
    show_default=True,
    help="With --submit: until when to wait.",
)
@click.option("--timeout", default=WAIT_SECONDS, show_default=True, help="Seconds to wait.")
@url_option
@json_option
def call(
    name: str,
    arguments: tuple[str, ...],
    source: str | None,
    scheme: str,
    tip: str,
    nonce: int | None,
    era: int,
    dry_run: bool,
    submit: bool,
    wait: str,
    timeout: float,
    url: str,
    as_json: bool,
) -> None:
    """Make a call; without --dry-run or --submit, only show it and its bytes.

    Arguments stand in order or as name=value: addresses, //Alice, amounts such as 1.5DC,
    hexadecimal, JSON for lists, records and nested calls. Call bytes are what multisig and
    preimages need.

    \b
      gongshe call Balances.transfer_keep_alive //Bob 1.5DC --from //Alice --submit
      gongshe call Utility.batch '[{"pallet": "System", "call": "remark", "args": ["hello"]}]'
    """  # noqa: D301 - click's mark for lines that keep their shape
    if dry_run and submit:
        raise click.UsageError("--dry-run and --submit exclude each other")
    if not dry_run and not submit:
        rules = SHIPPED[max(SHIPPED)]
        answer(told_call(rules, made(rules, name, arguments)), as_json)
        return
    if source is None:
        raise click.UsageError("--from says who signs; it is needed here")
    node = NodeClient(url)
    best = node.block_hash("best")
    rules = node.rules_for_children(best)
    wanted = made(rules, name, arguments)
    pair = read_keypair(source, scheme)
    raw = signed(node, rules, wanted, pair, amount_of(tip), nonce, era)
    shown = tried(node, rules, raw, best) if dry_run else sent(node, raw, wait, timeout)
    answer({**told_call(rules, wanted), **shown}, as_json)


def made(rules: Assembly, name: str, arguments: Sequence[str]) -> Call:
    """Return the call that words describe."""
    try:
        names = [each.rstrip("_") for each, _ in find_call(rules, name).arguments]
        return read_call(rules, name, read_words(arguments, names))
    except ArgumentRefused as fault:
        raise Failed(str(fault), "names are written Pallet.call; JSON in single quotes") from None


def told_call(rules: Assembly, wanted: Call) -> dict[str, Any]:
    """Return a call in words, with its bytes and their hash."""
    raw = rules.call_codec.encode(wanted)
    return {
        **show_call(rules, wanted),
        "callBytes": f"0x{raw.hex()}",
        "callHash": f"0x{blake2_256(raw).hex()}",
    }


def signed(
    node: NodeClient,
    rules: Assembly,
    wanted: Call,
    pair: Keypair,
    tip: int,
    nonce: int | None,
    period: int,
) -> bytes:
    """Return the signed extrinsic of a call; its era begins at the finalized block."""
    genesis = node.block_hash("0")
    if nonce is None:
        nonce = int(node.ask("system_accountNextIndex", pair.address()))
    era, birth = None, genesis
    if period:
        header = node.header(node.block_hash("finalized"))
        era = MortalEra.around(int(header["number"], 16), period)
        birth = node.block_hash(str(era.birth(int(header["number"], 16))))
    version = rules.version
    implied = implied_data(
        version.spec_version, version.transaction_version, from_hex(genesis), from_hex(birth)
    )
    extra = encode_extra(era, nonce, tip)
    encoded = rules.call_codec.encode(wanted)
    signature = pair.sign(signing_payload(encoded, extra, implied))
    return encode_signed(pair.public, pair.scheme, signature, extra, encoded)


def tried(node: NodeClient, rules: Assembly, raw: bytes, block_hash: str) -> dict[str, Any]:
    """Return what would become of an extrinsic in the next block, and its fee."""
    fee = node.ask("payment_queryInfo", f"0x{raw.hex()}", block_hash)
    found = from_hex(node.ask("system_dryRun", f"0x{raw.hex()}", block_hash))
    result = APPLY_RESULT.decode(found)
    told: dict[str, Any] = {
        "fee": amount(int(fee["partialFee"])),
        "weight": fee["weight"],
    }
    if isinstance(result, Err):
        refusal = show(rules, result.value, TransactionValidityError)
        raise Failed(
            f"the chain would refuse it: {refusal}",
            "look at the nonce, the era and whether the account can pay the fee",
            REFUSED,
            {**told, "refused": refusal},
        )
    outcome = show(rules, result.value, DispatchResult)
    failed = isinstance(outcome, Mapping) and "Err" in outcome
    return {**told, "result": outcome["Err"] if failed else "success"}


def sent(node: NodeClient, raw: bytes, wait: str, timeout: float) -> dict[str, Any]:
    """Submit an extrinsic and wait for it; return where it is and what became of it."""
    before = int(node.header(node.block_hash("best"))["number"], 16)
    extrinsic_hash = node.ask("author_submitExtrinsic", f"0x{raw.hex()}")
    told: dict[str, Any] = {"extrinsicHash": extrinsic_hash}
    if wait == "none":
        return told
    until = time.monotonic() + timeout
    block_hash, index, number = included(node, f"0x{raw.hex()}", before, until, extrinsic_hash)
    rules = node.rules_of(block_hash)
    happened = read_events(node, rules, block_hash)
    own = [event for event in happened if event["extrinsic"] == index]
    told |= {"block": number, "blockHash": block_hash, "index": index, "result": result_of(own)}
    if wait == "finalized":
        while int(node.header(node.block_hash("finalized"))["number"], 16) < number:
            pause(until, f"block {number}, which holds it, is not final", extrinsic_hash)
        if node.block_hash(str(number)) != block_hash:
            raise Failed(
                f"block {number} was replaced by another one before it became final",
                f"look for extrinsic {extrinsic_hash} in later blocks before sending it again",
            )
        told["finalized"] = True
    told["events"] = own
    if told["result"] != "success":
        raise Failed(
            f"it is in block {number} and failed: {told['result']}",
            f"its fee is paid; `gongshe block {number}` shows more",
            REFUSED,
            told,
        )
    return told


def included(
    node: NodeClient, raw: str, before: int, until: float, extrinsic_hash: str
) -> tuple[str, int, int]:
    """Wait until a block of the best chain holds the extrinsic; return its hash, index, number."""
    number = before
    while True:
        best = int(node.header(node.block_hash("best"))["number"], 16)
        while number <= best:
            block_hash = node.block_hash(str(number))
            body = node.ask("chain_getBlock", block_hash)["block"]["extrinsics"]
            if raw in body:
                return block_hash, body.index(raw), number
            number += 1
        pause(until, "no block holds it", extrinsic_hash)


def pause(until: float, what: str, extrinsic_hash: str) -> None:
    """Wait a little, or give up."""
    if time.monotonic() >= until:
        raise Failed(
            f"waited long enough: {what} yet",
            f"extrinsic {extrinsic_hash} may still be included; wait longer with --timeout",
        )
    time.sleep(POLL_SECONDS)


def amount_of(text: str) -> int:
    """Return the tip that a word says."""
    try:
        return read_amount(text, "--tip")
    except ArgumentRefused as fault:
        raise Failed(str(fault)) from None


def from_hex(text: str) -> bytes:
    """Return the bytes of a node's hexadecimal."""
    return bytes.fromhex(text[2:])
