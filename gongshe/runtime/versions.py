"""The spec versions this program ships."""

from __future__ import annotations

from gongshe.runtime.apis import APIS
from gongshe.runtime.assembly import Assembly
from gongshe.runtime.pallets.assets import Assets
from gongshe.runtime.pallets.aura import Aura
from gongshe.runtime.pallets.balances import Balances
from gongshe.runtime.pallets.multisig import Multisig
from gongshe.runtime.pallets.preimage import Preimage
from gongshe.runtime.pallets.proxy import Proxy
from gongshe.runtime.pallets.scheduler import Scheduler
from gongshe.runtime.pallets.sudo import Sudo
from gongshe.runtime.pallets.system import System
from gongshe.runtime.pallets.timestamp import Timestamp
from gongshe.runtime.pallets.transaction_payment import TransactionPayment
from gongshe.runtime.pallets.upgrades import Upgrades
from gongshe.runtime.pallets.utility import Utility

VERSION_1 = Assembly(
    1,
    (
        System,
        Aura,
        Timestamp,
        Balances,
        TransactionPayment,
        Upgrades,
        Utility,
        Multisig,
        Proxy,
        Preimage,
        Assets,
        Scheduler,
        Sudo,
    ),
    APIS,
)
"""The first rules: accounts, the native token, fees, upgrades."""

SHIPPED = {1: VERSION_1}
"""Every runtime that this program can execute, by spec version."""
