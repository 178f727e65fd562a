"""PAPI (`polkadot-api`), unmodified, against a running node."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.client_run import FOLDER, require_checks
from tests.clients.running_node import RunningNode

CHECKS = (
    "connect",
    "speaks the methods it was offered",
    "metadata 14, 15 and 16",
    "constants",
    "static interfaces",
    "storage of one key",
    "storage of several keys",
    "storage entries",
    "storage at a past block",
    "storage subscription",
    "entries subscription",
    "runtime calls",
    "validity as the pool sees it",
    "header hash recomputed",
    "best blocks",
    "block body and events",
    "event subscription",
    "read proof",
    "archive",
    "an unknown method is named in the refusal",
    "transfer signed by sr25519, watched to finalized",
    "transfer signed by ed25519",
    "a new account is born",
    "mortal",
    "immortal",
    "with a tip",
    "payload over 256 bytes",
    "fee query equals what is withdrawn",
    "built from call data",
    "dry run",
    "watched by the new methods",
    "a failed call is decoded to its error",
    "a stale nonce is refused",
    "a changed signature is refused",
    "a payer without means is refused",
    "utility.batch",
    "utility.batch_all",
    "utility.force_batch",
    "assets",
    "assets storage",
    "assets errors",
    "multisig",
    "proxy",
    "preimage",
    "scheduler",
    "sudo",
)

DESCRIPTOR_CHECKS = (
    "the generated types fit the running chain",
    "typed constants and storage",
)

GENERATION_SECONDS = 300
"""`papi add` compiles the types, and installs the package that holds them."""


@pytest.mark.clients
def test_papi(node: RunningNode, javascript: str) -> None:
    require_checks(node, [javascript, FOLDER / "papi.mjs", node.url], CHECKS)


@pytest.mark.clients
def test_papi_over_the_older_methods_alone(node: RunningNode, javascript: str) -> None:
    require_checks(node, [javascript, FOLDER / "papi.mjs", node.url, "--legacy"], CHECKS)


@pytest.mark.clients
def test_papi_with_generated_types(node: RunningNode, javascript: str, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"name": "generated", "type": "module"}))
    program = FOLDER / "node_modules" / ".bin" / "papi"
    run = subprocess.run(
        [program, "add", "gongshe", "--wsUrl", node.url],
        cwd=tmp_path,
        # Node 20 has a WebSocket of its own only behind this option.
        env={**os.environ, "NODE_OPTIONS": "--experimental-websocket"},
        capture_output=True,
        text=True,
        timeout=GENERATION_SECONDS,
        check=False,
    )
    descriptors = tmp_path / ".papi" / "descriptors" / "dist" / "index.js"
    assert descriptors.is_file(), f"{run.stdout}\n{run.stderr}"[-4_000:]
    script = FOLDER / "papi_descriptors.mjs"
    require_checks(node, [javascript, script, node.url, descriptors], DESCRIPTOR_CHECKS)
