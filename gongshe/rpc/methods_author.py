"""`author_`: extrinsics on their way into a block, and the node's keys."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from gongshe.primitives.crypto import blake2_256
from gongshe.primitives.records import Record
from gongshe.rpc import backend
from gongshe.rpc.backend import LAST_STATUSES, KeyDoor, Refusal, Status, Submitted
from gongshe.rpc.deferred import Deferred
from gongshe.rpc.errors import UNAVAILABLE, RpcError, invalid_params, reasons, refused
from gongshe.rpc.limits import KEYS_PER_QUERY
from gongshe.rpc.methods import Context, MethodTable
from gongshe.rpc.values import BlockHash, HashText, Hex, HexText, hexadecimal

KeyType = Annotated[str, Meta(pattern="^[a-zA-Z0-9]{4}$")]
SecretText = Annotated[str, Meta(min_length=1, max_length=1_024)]

table = MethodTable()


class HashOrExtrinsic(Record, forbid_unknown_fields=True):
    """An extrinsic, by its hash or itself."""

    hash: BlockHash | None = None
    extrinsic: Hex | None = None


@table.method("author_submitExtrinsic")
def submit(context: Context, extrinsic: Hex) -> Deferred[HashText]:
    """Offer an extrinsic to the pool; returns its hash, or why it was refused."""
    answer: Deferred[HashText] = Deferred()

    def hear(outcome: Submitted | Refusal) -> None:
        if isinstance(outcome, Refusal):
            answer.refuse(refused(outcome))
        else:
            answer.resolve(hexadecimal(outcome.extrinsic_hash))

    context.backend.pool.submit(extrinsic, hear)
    return answer


@table.subscription(
    "author_submitAndWatchExtrinsic",
    notifies="author_extrinsicUpdate",
    ends=("author_unwatchExtrinsic",),
)
def submit_and_watch(context: Context, extrinsic: Hex) -> Deferred[str]:
    """Offer an extrinsic to the pool and send what becomes of it, to finality."""
    subscription = context.open("author_extrinsicUpdate", passing=True)
    pool, hub = context.backend.pool, context.hub
    answer: Deferred[str] = Deferred()

    def watch(status: Status) -> None:
        subscription.notify(hub.encode(status_shape(status)))
        if isinstance(status, LAST_STATUSES):
            subscription.end()

    def hear(outcome: Submitted | Refusal) -> None:
        if isinstance(outcome, Refusal):
            subscription.end()
            answer.refuse(refused(outcome))
        else:
            answer.resolve(subscription.identifier)

    subscription.on_end(lambda: pool.unwatch(watch))
    pool.submit(extrinsic, hear, watch)
    return answer


@table.method("author_pendingExtrinsics", slow=True)
def pending(context: Context) -> list[HexText]:
    """Return the extrinsics that are ready for a block, in that order."""
    return [hexadecimal(extrinsic) for extrinsic in context.backend.pool.pending()]


@table.method("author_removeExtrinsic", unsafe=True)
def remove(
    context: Context, extrinsics: Annotated[list[HashOrExtrinsic], Meta(max_length=KEYS_PER_QUERY)]
) -> list[HashText]:
    """Take extrinsics out of the pool and ban them; returns those that were there."""
    hashes: list[bytes] = []
    for one in extrinsics:
        if (one.hash is None) == (one.extrinsic is None):
            raise invalid_params("each entry names either a hash or an extrinsic")
        hashes.append(one.hash if one.hash is not None else blake2_256(one.extrinsic or b""))
    return [hexadecimal(one) for one in context.backend.pool.remove(hashes)]


@table.method("author_insertKey", unsafe=True)
def insert_key(context: Context, key_type: KeyType, suri: SecretText, public: Hex) -> None:
    """Store a key in the keystore; the secret must make this public key."""
    try:
        key_door(context).insert(key_type, suri, public)
    except ValueError as error:
        raise invalid_params(str(error)) from None


@table.method("author_rotateKeys", unsafe=True)
def rotate_keys(context: Context) -> HexText:
    """Make new session keys and return their public parts."""
    return hexadecimal(key_door(context).rotate())


@table.method("author_hasKey", unsafe=True)
def has_key(context: Context, public: Hex, key_type: KeyType) -> bool:
    """Say whether the keystore holds a key."""
    return key_door(context).has_key(public, key_type)


@table.method("author_hasSessionKeys", unsafe=True)
def has_session_keys(context: Context, session_keys: Hex) -> bool:
    """Say whether the keystore holds all of a set of session keys."""
    try:
        return key_door(context).has_session_keys(session_keys)
    except ValueError as error:
        raise invalid_params(str(error)) from None


def key_door(context: Context) -> KeyDoor:
    """Return the way to the keystore, if there is one."""
    keys = context.backend.keys
    if keys is None:
        raise RpcError(
            UNAVAILABLE,
            "This node keeps no keys",
            reasons("NoKeystore", hint="start it with a keystore"),
        )
    return keys


def status_shape(status: Status) -> str | dict[str, Any]:
    """Return a status as Substrate's clients read it."""
    match status:
        case backend.Broadcast(peers):
            return {"broadcast": list(peers)}
        case backend.InBlock(block_hash):
            return {"inBlock": hexadecimal(block_hash)}
        case backend.Retracted(block_hash):
            return {"retracted": hexadecimal(block_hash)}
        case backend.FinalityTimeout(block_hash):
            return {"finalityTimeout": hexadecimal(block_hash)}
        case backend.Finalized(block_hash):
            return {"finalized": hexadecimal(block_hash)}
        case backend.Usurped(by):
            return {"usurped": hexadecimal(by)}
        case _:
            return type(status).__name__.lower()
