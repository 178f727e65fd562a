"""What a caller is told when a request is refused: a code, a sentence, and structured reasons.

The sentence carries the reason, because PAPI and substrate-interface show only `message`.
`data` is an object with the fields that apply; @polkadot/api prints it after the sentence.
Codes are JSON-RPC's own, then those of Substrate's server and pool, so that clients that branch
on them keep working.
"""

from __future__ import annotations

from typing import Any

from gongshe.rpc.backend import Refusal, RuntimeCallFailed, StateUnavailable, UnknownBlock

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

TOO_MANY_SUBSCRIPTIONS = -32006
REQUEST_TOO_BIG = -32007
RESPONSE_TOO_BIG = -32008
SERVER_BUSY = -32009
BATCH_TOO_BIG = -32010
RATE_LIMITED = -32999

FOLLOW_LIMIT = -32800
INVALID_BLOCK_HASH = -32801
RUNTIME_NOT_FOLLOWED = -32802
NOTHING_TO_CONTINUE = -32803
"""The four codes that the specification of `chainHead_v1` gives."""

TRANSACTION_LIMIT = -32805
"""Too many transactions broadcast at once over one connection."""

UNAVAILABLE = 1001
"""Substrate's code for a refused operation of a namespace: keystore, off-chain storage."""

STATE_ERROR = 4003
"""Substrate's code for failures of its client: unknown block, discarded state, runtime call."""


class RpcError(Exception):
    """A request that is answered by an error object."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, Any]:
        """Return the error object."""
        if self.data is None:
            return {"code": self.code, "message": self.message}
        return {"code": self.code, "message": self.message, "data": self.data}


def reasons(
    error: str, *, expected: str = "", found: str = "", hint: str = "", pallet: str = ""
) -> dict[str, Any]:
    """Return a `data` object: the fields that say something, in the order people read them."""
    fields = {
        "pallet": pallet,
        "error": error,
        "expected": expected,
        "found": found,
        "hint": hint,
    }
    return {name: text for name, text in fields.items() if text}


def invalid_params(message: str) -> RpcError:
    """Return the error for parameters that do not fit the method."""
    return RpcError(INVALID_PARAMS, f"Invalid params: {message}")


def refused(refusal: Refusal) -> RpcError:
    """Return the error for an extrinsic that the pool did not take."""
    code, sentence = refusal.kind.value
    parts = [sentence, refusal.error]
    if refusal.expected or refusal.found:
        parts.append(f"expected {refusal.expected or '-'}, found {refusal.found or '-'}")
    return RpcError(
        code,
        ": ".join(part for part in parts if part),
        reasons(
            refusal.error,
            expected=refusal.expected,
            found=refusal.found,
            hint=refusal.hint,
            pallet=refusal.pallet,
        ),
    )


def as_rpc_error(error: Exception) -> RpcError | None:
    """Return what to tell the caller of an expected failure; None for a fault of this program."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, UnknownBlock):
        return RpcError(
            STATE_ERROR,
            f"Unknown block: {error}",
            reasons("UnknownBlock", found=str(error), hint="ask for a block this node has"),
        )
    if isinstance(error, StateUnavailable):
        return RpcError(
            STATE_ERROR,
            f"State unavailable: {error}",
            reasons("StateUnavailable", found=str(error), hint="ask an archive node"),
        )
    if isinstance(error, RuntimeCallFailed):
        return RpcError(
            STATE_ERROR,
            f"Execution failed: {error}",
            reasons("RuntimeCallFailed", found=str(error)),
        )
    return None
