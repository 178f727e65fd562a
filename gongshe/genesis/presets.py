"""The chains this program knows by name: `dev`, one authority, and `local`, several.

Both give well-known keys to everybody, so they are for development only.
"""

from __future__ import annotations

from typing import Any

from gongshe.genesis.spec import DEFAULT_PROPERTIES, ChainSpec
from gongshe.primitives.address import encode_address
from gongshe.primitives.crypto import Scheme
from gongshe.primitives.keys import Keypair
from gongshe.primitives.types import UNIT
from gongshe.runtime.pallets.balances_types import EXISTENTIAL_DEPOSIT
from gongshe.runtime.pallets.transaction_payment import TREASURY

DEV_NAMES = ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
"""The names under which every Substrate wallet and library knows these keys."""

ENDOWMENT = 10_000_000 * UNIT
"""Of each well-known account: more than any experiment spends."""

SETTLEMENT_ASSET = 1
"""The asset that will carry experience fees, levy and rewards: 2 decimals."""

SETTLEMENT_ENDOWMENT = 100_000_000_00
"""Cents of the settlement asset for each well-known account."""

DEV_SLOT_MS, LOCAL_SLOT_MS = 1_000, 3_000
LOCAL_AUTHORITIES = 4
"""Enough that one may fail."""


def dev() -> ChainSpec:
    """Return the development chain: //Alice authors a block a second and finalizes it."""
    return _chain("Gongshe Development", "gongshe_dev", "Development", 1, DEV_SLOT_MS)


def local() -> ChainSpec:
    """Return the local test chain: four authorities, slots of three seconds."""
    return _chain("Gongshe Local", "gongshe_local", "Local", LOCAL_AUTHORITIES, LOCAL_SLOT_MS)


PRESETS = {"dev": dev, "local": local}


def dev_accounts() -> list[tuple[str, Keypair]]:
    """Return the well-known accounts by secret URI, in both schemes, stashes included."""
    uris = [uri for name in DEV_NAMES for uri in (f"//{name}", f"//{name}//stash")]
    schemes = (Scheme.SR25519, Scheme.ED25519)
    return [(uri, Keypair.from_uri(uri, scheme)) for scheme in schemes for uri in uris]


def _chain(
    name: str, identifier: str, chain_type: str, authorities: int, slot_ms: int
) -> ChainSpec:
    accounts = [pair.address() for _, pair in dev_accounts()]
    keys = [Keypair.from_uri(f"//{each}", Scheme.SR25519) for each in DEV_NAMES]
    alice = keys[0].address()
    patch: dict[str, Any] = {
        "aura": {
            "authorities": [key.address() for key in keys[:authorities]],
            "slotDuration": slot_ms,
        },
        "balances": {
            "balances": [
                *([account, ENDOWMENT] for account in accounts),
                # Open from the start, or the fees of a quiet block would be lost as dust.
                [encode_address(TREASURY), EXISTENTIAL_DEPOSIT],
            ]
        },
        "assets": {
            "assets": [[SETTLEMENT_ASSET, alice, True, 1]],
            "metadata": [[SETTLEMENT_ASSET, "Settlement", "SET", 2]],
            "accounts": [[SETTLEMENT_ASSET, account, SETTLEMENT_ENDOWMENT] for account in accounts],
        },
        "sudo": {"key": alice},
    }
    return ChainSpec(name, identifier, chain_type, DEFAULT_PROPERTIES, patch)
