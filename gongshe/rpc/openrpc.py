"""The OpenRPC document of the methods, made from the same signatures that read their parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from gongshe.rpc.methods import Method
from gongshe.rpc.values import value_schema

OPENRPC_VERSION = "1.3.2"
REFERENCE = "#/components/schemas/{name}"


def describe(methods: Iterable[Method], *, title: str, version: str) -> dict[str, Any]:
    """Return the document for `methods`, each under its first name, aliases listed beside."""
    ordered = sorted(methods, key=lambda method: method.name)
    annotations = [annotation for method in ordered for annotation in _annotations(method)]
    schemas, components = msgspec.json.schema_components(
        annotations, schema_hook=value_schema, ref_template=REFERENCE
    )
    remaining = iter(schemas)
    return {
        "openrpc": OPENRPC_VERSION,
        "info": {
            "title": title,
            "version": version,
            "description": "Parameters may be given by position or by name. Methods marked"
            " x-class unsafe are for operators and are offered on loopback only.",
        },
        "methods": [_describe_method(method, remaining) for method in ordered],
        "components": {"schemas": components},
    }


def _annotations(method: Method) -> list[Any]:
    """Return the types of the parameters, then of the result."""
    fields = msgspec.structs.fields(method.parameters)
    return [*(field.type for field in fields), method.result]


def _describe_method(method: Method, schemas: Any) -> dict[str, Any]:
    summary, _, rest = method.documentation.partition("\n\n")
    described: dict[str, Any] = {
        "name": method.name,
        "summary": " ".join(summary.split()),
        "params": [
            _describe_parameter(field, next(schemas))
            for field in msgspec.structs.fields(method.parameters)
        ],
        "result": {"name": "result", "schema": next(schemas)},
        "paramStructure": "either",
        "tags": [{"name": method.name.rpartition("_")[0] or method.name.partition(".")[0]}],
        "x-class": "unsafe" if method.unsafe else "safe",
    }
    if rest:
        described["description"] = inspect.cleandoc(rest)
    if method.aliases:
        described["x-aliases"] = list(method.aliases)
    if method.notifies:
        described["x-notification"] = method.notifies
    return described


def _describe_parameter(field: Any, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": field.encode_name, "required": field.required, "schema": schema}
