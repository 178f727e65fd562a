"""Every method by its own description: the document is sound, and what does not fit is refused."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from msgspec import Meta

from gongshe.rpc.errors import INVALID_PARAMS
from gongshe.rpc.limits import Limits
from gongshe.rpc.methods import Context, Method, refuse_unsafe_union
from gongshe.rpc.methods_rpc import discover
from gongshe.rpc.tables import ALL_TABLES
from tests.chains import ALICE, Drawing
from tests.unit.rpc.drawn_node import Client, DrawnNode

METHODS = {method.name: method for table in ALL_TABLES for method in table.methods}

UNSAFE = {
    "author_hasKey",
    "author_hasSessionKeys",
    "author_insertKey",
    "author_removeExtrinsic",
    "author_rotateKeys",
    "offchain_localStorageClear",
    "offchain_localStorageGet",
    "offchain_localStorageSet",
    "state_getKeys",
    "state_getPairs",
    "state_queryStorage",
    "system_addLogFilter",
    "system_addReservedPeer",
    "system_dryRun",
    "system_peers",
    "system_removeReservedPeer",
    "system_reservedPeers",
    "system_resetLogFilter",
}
"""Written out, so that a method changes its class only on purpose."""

ALIASES = {
    "account_nextIndex",
    "chain_getFinalisedHead",
    "chain_getHead",
    "chain_getRuntimeVersion",
    "chain_subscribeFinalisedHeads",
    "chain_subscribeNewHead",
    "chain_subscribeRuntimeVersion",
    "chain_unsubscribeFinalisedHeads",
    "chain_unsubscribeNewHead",
    "chain_unsubscribeRuntimeVersion",
    "state_callAt",
    "state_getKeysPagedAt",
    "state_getStorageAt",
    "state_getStorageHashAt",
    "state_getStorageSizeAt",
}
"""Under which clients ask, as logged."""

SAMPLES: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True],
    "integer": [7, -1, 2**31, 2**70],
    "number": [1.5, 1e300],
    "string": ["", "x", "0x", "0x1", "0xzz", "號", "\u0000", "0x" + "00" * 31, "x" * 5_000],
    "array": [[], [None], [1], [["0x"]], ["zz"] * 3, [[[[[]]]]]],
    "object": [{}, {"key": 1}, {"key": "0x", "type": "nothing"}],
}

KINDS = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}


@pytest.fixture(scope="module")
def node() -> DrawnNode:
    return DrawnNode(Drawing(schedule=[ALICE]))


@pytest.fixture(scope="module")
def document(node: DrawnNode) -> dict[str, Any]:
    found: dict[str, Any] = node.client.ask("rpc.discover")
    return found


def test_the_document_has_the_form_of_openrpc(document: dict[str, Any]) -> None:
    assert set(document) == {"openrpc", "info", "methods", "components"}
    assert document["openrpc"].startswith("1.")
    assert set(document["info"]) >= {"title", "version"}
    components = document["components"]["schemas"]
    for method in document["methods"]:
        assert method["summary"].endswith((".", "."))
        assert method["paramStructure"] == "either"
        assert set(method["result"]) == {"name", "schema"}
        names = [param["name"] for param in method["params"]]
        assert len(set(names)) == len(names)
        required = [param["required"] for param in method["params"]]
        assert required == sorted(required, reverse=True), "optional ones come last"
        schemas = [param["schema"] for param in method["params"]] + [method["result"]["schema"]]
        for schema in schemas:
            for reference in references(schema):
                assert reference.removeprefix("#/components/schemas/") in components
    for schema in components.values():
        for reference in references(schema):
            assert reference.removeprefix("#/components/schemas/") in components


def test_every_method_is_described_and_classed(document: dict[str, Any]) -> None:
    described = {method["name"]: method for method in document["methods"]}
    assert described.keys() == METHODS.keys()
    assert {name for name, one in described.items() if one["x-class"] == "unsafe"} == UNSAFE
    assert all(one["x-class"] in ("safe", "unsafe") for one in described.values())
    aliases = {alias for one in described.values() for alias in one.get("x-aliases", [])}
    assert aliases >= ALIASES


def test_the_list_names_what_may_be_called(node: DrawnNode) -> None:
    every = {name for method in METHODS.values() for name in (method.name, *method.aliases)}
    assert set(node.client.ask("rpc_methods")["methods"]) == every
    stranger = Client(node, Limits(), unsafe_allowed=False)
    listed = set(stranger.ask("rpc_methods")["methods"])
    assert every - listed == {
        name for method in METHODS.values() if method.unsafe for name in names(method)
    }
    for name in every - listed:
        assert stranger.refused(name) == -32601


def test_no_parameter_is_without_bound(document: dict[str, Any]) -> None:
    components = document["components"]["schemas"]
    loose = [
        f"{method['name']}({param['name']})"
        for method in document["methods"]
        for param in method["params"]
        for schema in alternatives(param["schema"], components)
        if (schema.get("type") == "integer" and not {"minimum", "maximum"} <= schema.keys())
        or (
            schema.get("type") == "array"
            and "maxItems" not in schema
            and "prefixItems" not in schema
        )
    ]
    assert loose == []


def test_a_union_that_ends_the_process_is_refused_at_once() -> None:
    """Msgspec corrupts memory when it describes one; see `refuse_unsafe_union`."""
    text = Annotated[str, Meta(pattern="^a$")]
    for unsafe in (text | list[int], list[text | list[int] | None], dict[str, list[int] | text]):
        with pytest.raises(TypeError, match="without its pattern"):
            refuse_unsafe_union("test_method", unsafe)
    for safe in (str | list[text], text | None, list[text | None]):
        refuse_unsafe_union("test_method", safe)


def test_the_document_is_made_once(node: DrawnNode) -> None:
    context = Context(node.dispatcher.shared, node.client.session)
    assert discover(context) is discover(context)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_value_of_a_wrong_kind_is_refused(
    name: str, node: DrawnNode, document: dict[str, Any]
) -> None:
    (method,) = [one for one in document["methods"] if one["name"] == name]
    components = document["components"]["schemas"]
    valid = [sample_of(param["schema"], components) for param in method["params"]]
    refused = 0
    for index, param in enumerate(method["params"]):
        allowed = {kind_of(one) for one in alternatives(param["schema"], components)}
        for kind, samples in SAMPLES.items():
            if kind in allowed or "any" in allowed:
                continue
            for sample in samples:
                wrong = [*valid[:index], sample, *valid[index + 1 :]]
                assert Client(node, Limits()).refused(name, *wrong) == INVALID_PARAMS
                refused += 1
    assert Client(node, Limits()).refused(name, *valid, None) == INVALID_PARAMS, "one too many"
    required = [param for param in method["params"] if param["required"]]
    for fewer in range(len(required)):
        assert Client(node, Limits()).refused(name, *valid[:fewer]) == INVALID_PARAMS
    assert refused or not method["params"]


def any_calls(count: int, seed: int) -> Iterator[tuple[str, list[Any]]]:
    """Yield calls of every method with values of every kind, some of them fitting."""
    rng = random.Random(seed)
    everything = list(itertools.chain.from_iterable(SAMPLES.values()))
    fitting = ["0x" + "11" * 32, "0x1234", 0, 1, None, True, ["0x12"], "LOCAL", "aura", "dbg=info"]
    listed = sorted(METHODS)
    for _ in range(count):
        length = rng.randrange(6)
        yield (
            rng.choice(listed),
            [rng.choice(fitting if rng.random() < 0.6 else everything) for _ in range(length)],
        )


def throw(node: DrawnNode, count: int, seed: int) -> None:
    client = Client(node, Limits())
    for number, (name, params) in enumerate(any_calls(count, seed)):
        if number % 32 == 0:
            client.session.close()
            client = Client(node, Limits())
        message = {"jsonrpc": "2.0", "id": 1, "method": name, "params": params}
        replies: list[bytes | None] = []
        node.dispatcher.handle(json.dumps(message).encode(), client.session, replies.append)
        node.inbox.clear()
        for reply in replies:  # none yet, where the pool would answer later
            answer = json.loads(reply or b"{}")
            error = answer.get("error", {"code": 0, "message": ""})
            assert error["code"] != -32603, (name, params)
            told = json.dumps(answer.get("error", ""))
            for secret in ("Traceback", "site-packages", ".py", "msgspec", "/home", "0x7f"):
                assert secret not in told, (name, params, told)


def test_calls_by_chance_meet_no_bug(node: DrawnNode) -> None:
    throw(node, 3_000, seed=1)


@pytest.mark.slow
def test_many_calls_by_chance_meet_no_bug(node: DrawnNode) -> None:
    throw(node, 50_000, seed=2)


def names(method: Method) -> tuple[str, ...]:
    return (method.name, *method.aliases)


def references(schema: Any) -> Iterator[str]:
    """Yield every reference in a schema."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"]
        for inner in schema.values():
            yield from references(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from references(inner)


def alternatives(schema: dict[str, Any], components: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schemas that a value may fit, references followed."""
    if "$ref" in schema:
        return alternatives(components[schema["$ref"].rpartition("/")[2]], components)
    inner = schema.get("anyOf", schema.get("oneOf"))
    if inner is None:
        return [schema]
    return [found for one in inner for found in alternatives(one, components)]


def kind_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return KINDS[type(schema["enum"][0])]
    kind: str = schema.get("type", "any")
    return kind


def sample_of(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    """Return a value that fits a schema: the first alternative's least."""
    first = alternatives(schema, components)[0]
    if "enum" in first:
        return first["enum"][0]
    match first.get("type"):
        case "string":
            pattern = first.get("pattern", "")
            if "{64}" in pattern:
                return "0x" + "00" * 32
            if "0x" in pattern:
                return "0x"
            return "aura"
        case "integer":
            return first.get("minimum", 0)
        case "boolean":
            return False
        case "array":
            return []
        case _:
            return None
