"""Connection, metadata, storage, blocks and subscriptions."""

from hashlib import blake2b
from typing import Any

from substrateinterface import SubstrateInterface

from tests.clients.substrate_interface.session import Checks, Found, Session

PALLETS = (
    "System", "Timestamp", "Balances", "TransactionPayment", "Assets", "Utility", "Multisig",
    "Proxy", "Scheduler", "Preimage", "Sudo",
)  # fmt: skip

check = Checks()


@check("connect")
def connect(session: Session) -> Found:
    chain = session.chain
    assert chain.name
    assert chain.version
    assert chain.chain
    assert chain.ss58_format == chain.get_constant("System", "SS58Prefix").value
    assert chain.token_symbol
    assert chain.token_decimals >= 0
    assert chain.runtime_version == chain.get_constant("System", "Version").value["spec_version"]
    return {"chain": chain.chain, "version": chain.runtime_version}


@check("metadata")
def metadata(session: Session) -> Found:
    chain = session.chain
    names = [pallet["name"] for pallet in chain.get_metadata_modules()]
    assert set(PALLETS) <= set(names), names
    counts = {
        "calls": len(chain.get_metadata_call_functions()),
        "events": len(chain.get_metadata_events()),
        "errors": len(chain.get_metadata_errors()),
        "constants": len(chain.get_metadata_constants()),
        "storage": len(chain.get_metadata_storage_functions()),
    }
    for item in chain.get_metadata_storage_functions():
        pallet, name = item["module_name"], item["storage_name"]
        parameters = chain.get_metadata_storage_function(pallet, name).get_params_type_string()
        assert len(parameters) == len(item["type_keys"]), item
        assert item["documentation"], item
    return counts


@check("constants")
def constants(session: Session) -> Found:
    chain = session.chain
    assert session.existential_deposit > 0
    assert chain.get_constant("System", "BlockHashCount").value > 0
    weights = chain.get_constant("System", "BlockWeights").value
    assert weights["max_block"]["ref_time"] > 0
    return {"existential_deposit": str(session.existential_deposit)}


@check("plain http")
def plain_http(session: Session) -> Found:
    with SubstrateInterface(url=session.url.replace("ws://", "http://")) as plain:
        account = plain.query("System", "Account", [session.alice.ss58_address])
        assert account.value["data"]["free"] > 0
        number = plain.get_block_header()["header"]["number"]
        assert number > 0
        return {"number": number}


@check("storage of one key")
def one_key(session: Session) -> Found:
    assert session.free(session.alice) > session.enough
    nobody = session.chain.query("System", "Account", ["0x" + "77" * 32])
    assert nobody.value["data"]["free"] == 0
    return {"free": str(session.free(session.alice))}


@check("storage of several keys")
def several_keys(session: Session) -> Found:
    chain = session.chain
    people = (session.alice, session.bob, session.alice_ed25519)
    keys = [chain.create_storage_key("System", "Account", [who.ss58_address]) for who in people]
    keys.append(chain.create_storage_key("Timestamp", "Now"))
    *accounts, now = [value for _, value in chain.query_multi(keys)]
    assert all(account.value["data"]["free"] > 0 for account in accounts)
    assert now.value > 1_600_000_000_000
    return None


@check("storage map")
def storage_map(session: Session) -> Found:
    chain = session.chain
    accounts = {
        key.value: value.value for key, value in chain.query_map("System", "Account", page_size=2)
    }
    assert {session.alice.ss58_address, session.alice_ed25519.ss58_address} <= accounts.keys()
    issuance = chain.query("Balances", "TotalIssuance").value
    assert sum(a["data"]["free"] + a["data"]["reserved"] for a in accounts.values()) <= issuance
    return {"accounts": len(accounts)}


@check("storage at a past block")
def past_block(session: Session) -> Found:
    past = session.chain.get_chain_finalised_head()
    before = session.free(session.bob)
    session.succeed(session.transfer(), session.alice)
    assert session.free(session.bob) == before + session.enough
    assert session.free(session.bob, past) == before
    return None


@check("runtime calls")
def runtime_calls(session: Session) -> Found:
    chain = session.chain
    nonce = chain.runtime_call("AccountNonceApi", "account_nonce", [session.alice.ss58_address])
    assert nonce.value == chain.get_account_nonce(session.alice.ss58_address)
    version = chain.runtime_call("Core", "version")
    assert version.value["spec_version"] == chain.runtime_version
    return {"nonce": nonce.value}


@check("block decoding")
def block_decoding(session: Session) -> Found:
    chain = session.chain
    head = chain.get_chain_finalised_head()
    block = chain.get_block(head)
    first = block["extrinsics"][0].value["call"]
    assert (first["call_module"], first["call_function"]) == ("Timestamp", "set")
    assert block["header"]["hash"] == head
    events = chain.get_events(head)
    assert any(event.value["event_id"] == "ExtrinsicSuccess" for event in events)
    by_number = chain.get_block(block_number=block["header"]["number"])
    assert by_number["header"]["hash"] == head
    assert chain.get_block_number(head) == block["header"]["number"]
    return {"number": block["header"]["number"], "events": len(events)}


@check("header hash recomputed")
def header_hash(session: Session) -> Found:
    chain = session.chain
    head = chain.get_chain_finalised_head()
    for _ in range(10):
        raw = chain.rpc_request("chain_getHeader", [head])["result"]
        number, logs = int(raw["number"], 16), raw["digest"]["logs"]
        encoded = b"".join(
            (
                bytes.fromhex(raw["parentHash"][2:]),
                bytes(chain.encode_scale("Compact<u32>", number).data),
                bytes.fromhex(raw["stateRoot"][2:]),
                bytes.fromhex(raw["extrinsicsRoot"][2:]),
                bytes(chain.encode_scale("Compact<u32>", len(logs)).data),
                *(bytes.fromhex(log[2:]) for log in logs),
            )
        )
        assert "0x" + blake2b(encoded, digest_size=32).hexdigest() == head
        head = raw["parentHash"]
        if number == 1:
            break
    return None


@check("read proof")
def read_proof(session: Session) -> Found:
    chain = session.chain
    head = chain.get_chain_finalised_head()
    key = chain.create_storage_key("System", "Account", [session.alice.ss58_address]).to_hex()
    answer = chain.rpc_request("state_getReadProof", [[key], head])["result"]
    root = chain.get_block_header(head)["header"]["stateRoot"]
    nodes = [bytes.fromhex(node[2:]) for node in answer["proof"]]
    assert answer["at"] == head
    # The root's node is among them: its hash is the state root that the header commits to.
    assert any("0x" + blake2b(node, digest_size=32).hexdigest() == root for node in nodes)
    return {"nodes": len(nodes)}


@check("block headers")
def block_headers(session: Session) -> Found:
    for finalized_only in (False, True):
        numbers: list[int] = []

        def head(message: Any, _number: int, _id: Any, seen: list[int] = numbers) -> bool | None:
            seen.append(message["header"]["number"])
            return True if len(seen) == 3 else None

        session.chain.subscribe_block_headers(head, finalized_only=finalized_only)
        assert numbers == list(range(numbers[0], numbers[0] + 3)), numbers
    return None


@check("storage subscription")
def storage_subscription(session: Session) -> Found:
    times: list[int] = []

    def changed(value: Any, _number: int, _id: Any) -> bool | None:
        times.append(value.value)
        return True if len(times) == 3 else None

    session.chain.query("Timestamp", "Now", subscription_handler=changed)
    assert times[0] < times[1] < times[2]
    return None
