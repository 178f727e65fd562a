"""A connection with the development accounts, and the register of checks."""

from collections.abc import Callable
from typing import Any

from substrateinterface import ExtrinsicReceipt, Keypair, KeypairType, SubstrateInterface

ALICE_ED25519_SEED = "0xabf8e5bdbe30c65656c0a3cbd181ff8a56294a69dfedd27982aace4a76909115"
"""The ed25519 secret of //Alice, as subkey prints it: the library derives no ed25519 paths."""

Found = dict[str, Any] | None
Check = Callable[["Session"], Found]


class Checks(dict[str, Check]):
    """Named checks in the order in which they were written."""

    def __call__(self, name: str) -> Callable[[Check], Check]:
        def register(body: Check) -> Check:
            assert name not in self, f"two checks are called {name}"
            self[name] = body
            return body

        return register


class Session:
    """A connection with the development accounts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.chain = SubstrateInterface(url=url)
        self.alice, self.bob, self.charlie, self.dave, self.eve, self.ferdie = (
            Keypair.create_from_uri(f"//{name}")
            for name in ("Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie")
        )
        self.alice_ed25519 = Keypair.create_from_seed(
            ALICE_ED25519_SEED, crypto_type=KeypairType.ED25519
        )
        self.existential_deposit = self.chain.get_constant("Balances", "ExistentialDeposit").value
        self.enough = 10 * self.existential_deposit

    def call(self, pallet: str, function: str, **arguments: Any) -> Any:
        return self.chain.compose_call(pallet, function, arguments)

    def transfer(self, value: int | None = None) -> Any:
        value = self.enough if value is None else value
        return self.call("Balances", "transfer_keep_alive", dest=self.bob.ss58_address, value=value)

    def submit(self, call: Any, signer: Keypair, **options: Any) -> ExtrinsicReceipt:
        extrinsic = self.chain.create_signed_extrinsic(call, signer, **options)
        return self.chain.submit_extrinsic(extrinsic, wait_for_inclusion=True)

    def succeed(self, call: Any, signer: Keypair, **options: Any) -> ExtrinsicReceipt:
        receipt = self.submit(call, signer, **options)
        assert receipt.is_success, receipt.error_message
        return receipt

    def fail(self, call: Any, signer: Keypair, name: str) -> ExtrinsicReceipt:
        receipt = self.submit(call, signer)
        assert not receipt.is_success
        assert receipt.error_message == {
            "type": "Module",
            "name": name,
            "docs": receipt.error_message["docs"],
        }, receipt.error_message
        return receipt

    def free(self, who: Keypair, block_hash: str | None = None) -> int:
        account = self.chain.query("System", "Account", [who.ss58_address], block_hash=block_hash)
        return int(account.value["data"]["free"])


def fields_of(receipt: ExtrinsicReceipt, pallet: str, name: str) -> Any:
    """The fields of the one event of this name."""
    events = [event.value for event in receipt.triggered_events]
    found = [e for e in events if (e["module_id"], e["event_id"]) == (pallet, name)]
    assert len(found) == 1, [f"{e['module_id']}.{e['event_id']}" for e in events]
    return found[0]["attributes"]
