"""`substrate-interface`, unmodified, against a running node."""

import sys

import pytest

from tests.clients.client_run import require_checks
from tests.clients.running_node import RunningNode

CHECKS = (
    "connect",
    "metadata",
    "constants",
    "plain http",
    "storage of one key",
    "storage of several keys",
    "storage map",
    "storage at a past block",
    "runtime calls",
    "block decoding",
    "header hash recomputed",
    "read proof",
    "block headers",
    "storage subscription",
    "transfer signed by sr25519, finalized",
    "transfer signed by ed25519",
    "mortal",
    "immortal",
    "with a tip",
    "payload over 256 bytes",
    "fee query equals what is withdrawn",
    "dry run",
    "a failed call is decoded to its error",
    "a stale nonce is refused",
    "a changed signature is refused",
    "pending extrinsics",
    "utility",
    "assets",
    "multisig",
    "proxy",
    "preimage",
    "sudo and scheduler",
)


@pytest.mark.clients
def test_substrate_interface(node: RunningNode) -> None:
    module = "tests.clients.substrate_interface_checks"
    require_checks(node, [sys.executable, "-m", module, node.url], CHECKS)
