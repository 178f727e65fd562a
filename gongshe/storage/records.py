"""Records that only this node reads: msgpack lists, the storage room's one door to it.

Nothing here is hashed, signed or sent.
"""

from typing import Any

import msgpack

from gongshe.storage.database import ADVICE, StoreDamaged


def pack_record(*fields: Any) -> bytes:
    """Pack fields into one value of the database."""
    packed: bytes = msgpack.packb(fields)
    return packed


def unpack_record(raw: bytes, what: str, count: int) -> list[Any]:
    """Unpack a value of the database; `what` names it should it turn out to be damaged."""
    try:
        fields = msgpack.unpackb(raw, strict_map_key=True)
    except (ValueError, msgpack.UnpackException) as error:
        raise StoreDamaged(f"{what} cannot be read: {error}. {ADVICE}") from error
    if not isinstance(fields, list) or len(fields) != count:
        raise StoreDamaged(f"{what} should have {count} fields and has not. {ADVICE}")
    return fields
