"""The pallets beyond the core: each call, event, error and item is shown under its own name."""

import time
from hashlib import blake2b
from typing import Any

from tests.clients.substrate_interface.session import Checks, Found, Session, fields_of

check = Checks()


@check("utility")
def utility(session: Session) -> Found:
    before = session.free(session.bob)
    good = session.transfer
    bad = session.call("Assets", "destroy_accounts", id=4_000_000_000)
    whole = session.succeed(session.call("Utility", "batch", calls=[good(), good()]), session.dave)
    fields_of(whole, "Utility", "BatchCompleted")
    assert session.free(session.bob) == before + 2 * session.enough
    session.fail(session.call("Utility", "batch_all", calls=[good(), bad]), session.dave, "Unknown")
    forced = session.call("Utility", "force_batch", calls=[bad, good()])
    receipt = session.succeed(forced, session.dave)
    fields_of(receipt, "Utility", "ItemFailed")
    fields_of(receipt, "Utility", "BatchCompletedWithErrors")
    return None


@check("assets")
def assets(session: Session) -> Found:
    number = 3_000_000 + int(time.time()) % 1_000_000
    dave, bob = session.dave.ss58_address, session.bob.ss58_address
    created = session.call("Assets", "create", id=number, admin=dave, min_balance=10)
    receipt = session.succeed(created, session.dave)
    expected = {"asset_id": number, "creator": dave, "owner": dave}
    assert fields_of(receipt, "Assets", "Created") == expected
    naming = session.call(
        "Assets", "set_metadata", id=number, name="Voucher", symbol="VCH", decimals=4
    )
    minting = session.call("Assets", "mint", id=number, beneficiary=dave, amount=1_000_000)
    moving = session.call("Assets", "transfer", id=number, target=bob, amount=1_234)
    batch = session.call("Utility", "batch_all", calls=[naming, minting, moving])
    assert (
        fields_of(session.succeed(batch, session.dave), "Assets", "Transferred")["amount"] == 1_234
    )
    asset = session.chain.query("Assets", "Asset", [number]).value
    assert (asset["supply"], asset["owner"], asset["accounts"]) == (1_000_000, dave, 2)
    assert session.chain.query("Assets", "Metadata", [number]).value["symbol"] == "VCH"
    holders = {
        key.value: value.value["balance"]
        for key, value in session.chain.query_map("Assets", "Account", [number])
    }
    assert holders == {bob: 1_234, dave: 998_766}
    too_much = session.call("Assets", "transfer", id=number, target=bob, amount=1 << 100)
    session.fail(too_much, session.dave, "BalanceLow")
    return None


@check("multisig")
def multisig(session: Session) -> Found:
    chain = session.chain
    members = (session.bob, session.charlie, session.dave)
    account = chain.generate_multisig_account([m.ss58_address for m in members], 2)
    funding = session.call(
        "Balances", "transfer_keep_alive", dest=account.ss58_address, value=100 * session.enough
    )
    session.succeed(funding, session.alice)
    call = session.call(
        "Balances",
        "transfer_keep_alive",
        dest=session.alice.ss58_address,
        value=session.enough + int(time.time()) % session.enough,
    )
    first = chain.create_multisig_extrinsic(call, session.bob, account)
    receipt = chain.submit_extrinsic(first, wait_for_inclusion=True)
    assert receipt.is_success, receipt.error_message
    assert fields_of(receipt, "Multisig", "NewMultisig")["multisig"] == account.ss58_address
    second = chain.create_multisig_extrinsic(call, session.charlie, account)
    receipt = chain.submit_extrinsic(second, wait_for_inclusion=True)
    assert receipt.is_success, receipt.error_message
    result = fields_of(receipt, "Multisig", "MultisigExecuted")["result"]
    assert "Ok" in result, result
    return None


@check("proxy")
def proxy(session: Session) -> Found:
    eve, ferdie = session.eve.ss58_address, session.ferdie.ss58_address
    definition = {"delegate": ferdie, "proxy_type": "Any", "delay": 0}
    session.succeed(session.call("Proxy", "add_proxy", **definition), session.eve)
    definitions, deposit = session.chain.query("Proxy", "Proxies", [eve]).value
    assert definitions == [definition], definitions
    assert deposit > 0
    use = session.call("Proxy", "proxy", real=eve, force_proxy_type=None, call=session.transfer())
    receipt = session.succeed(use, session.ferdie)
    assert "Ok" in fields_of(receipt, "Proxy", "ProxyExecuted")["result"]
    assert fields_of(receipt, "Balances", "Transfer")["from"] == eve
    session.fail(use, session.alice, "NotProxy")
    session.succeed(session.call("Proxy", "remove_proxy", **definition), session.eve)
    return None


@check("preimage")
def preimage(session: Session) -> Found:
    remark = session.call("System", "remark", remark=f"substrate-interface {time.time_ns()}")
    data = bytes(remark.data.data)
    digest = "0x" + blake2b(data, digest_size=32).hexdigest()
    note = session.call("Preimage", "note_preimage", bytes="0x" + data.hex())
    receipt = session.succeed(note, session.eve)
    assert fields_of(receipt, "Preimage", "Noted")["hash"] == digest
    status = session.chain.query("Preimage", "RequestStatusFor", [digest]).value
    assert status["Unrequested"]["len"] == len(data), status
    session.fail(note, session.eve, "AlreadyNoted")
    session.succeed(session.call("Preimage", "unnote_preimage", hash=digest), session.eve)
    return None


@check("sudo and scheduler")
def sudo_and_scheduler(session: Session) -> Found:
    chain = session.chain
    assert chain.query("Sudo", "Key").value == session.alice.ss58_address
    when = chain.get_block_header()["header"]["number"] + 4
    remark = session.call("System", "remark", remark="planned")
    plan = session.call(
        "Scheduler", "schedule", when=when, maybe_periodic=None, priority=63, call=remark
    )
    sudo = session.call("Sudo", "sudo", call=plan)
    receipt = session.succeed(sudo, session.alice)
    assert "Ok" in fields_of(receipt, "Sudo", "Sudid")["sudo_result"]
    assert fields_of(receipt, "Scheduler", "Scheduled")["when"] == when
    agenda = chain.query("Scheduler", "Agenda", [when]).value
    assert agenda[0]["priority"] == 63, agenda

    def reached(message: Any, _number: int, _id: Any) -> bool | None:
        return True if message["header"]["number"] >= when else None

    chain.subscribe_block_headers(reached)
    events = [event.value for event in chain.get_events(chain.get_block_hash(when))]
    dispatched = [event for event in events if event["event_id"] == "Dispatched"]
    assert len(dispatched) == 1, events
    assert dispatched[0]["phase"] == "Initialization"
    assert "Ok" in dispatched[0]["attributes"]["result"]
    session.fail(sudo, session.bob, "RequireSudo")
    return None
