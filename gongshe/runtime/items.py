"""Typed windows onto the state: Value, Map, DoubleMap, TripleMap.

Declared on a pallet as annotated attributes; keys are hashed as Substrate does it:
twox128(pallet) ++ twox128(item) ++ hash(key) ++ key, so that every client finds them.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import textwrap
import typing
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any, Generic, Self, TypeVar, get_args

from gongshe.primitives.crypto import blake2_128_concat, twox_64_concat, twox_128
from gongshe.primitives.records import Record
from gongshe.primitives.scale import Codec
from gongshe.primitives.schema import Schema
from gongshe.runtime.overlay import RAW, UNREAD, Overlay

K1 = TypeVar("K1")
K2 = TypeVar("K2")
K3 = TypeVar("K3")
V = TypeVar("V")

PLACES_KEPT = 16_384
"""Storage keys remembered for each map: the accounts of a full block, about 5 MB."""


class Hasher(Record):
    """How one key of a map is hashed; `index` is its number in client metadata."""

    name: str
    index: int
    prefix: int
    """Bytes of hash before the key itself, which follows in the clear."""
    function: Callable[[bytes], bytes]


Blake2_128Concat = Hasher("Blake2_128Concat", 2, 16, blake2_128_concat)
"""For keys that users choose: nobody can crowd one branch of the trie."""

Twox64Concat = Hasher("Twox64Concat", 5, 8, twox_64_concat)
"""For keys that the chain assigns, such as numbers in sequence: cheaper."""

Identity = Hasher("Identity", 6, 0, bytes)
"""For keys that are hashes already."""


class EventRecords(Record):
    """Annotates the list of a block's events, which is kept encoded: only a runtime can read it."""


STORED = Schema({EventRecords: RAW})
"""Codecs of stored types."""


class StateMissing(LookupError):
    """A value without a default was read while absent: the caller should have asked first."""


class Item:
    """What Value and the maps have in common: a place in the state, named by pallet and item."""

    pallet_name: str
    name: str
    annotations: tuple[Any, ...]
    """The key annotations, then the value's."""
    codec: Codec
    prefix: bytes
    state: Overlay

    def __init__(self, default: Any, hashers: tuple[Hasher, ...]) -> None:
        self.default: Any = default
        self.hashers = hashers

    def declare(self, pallet: str, attribute: str, annotation: Any, part: type) -> None:
        """Take the name, key and types from the pallet's annotation in this part of it."""
        self.attribute, self._part = attribute, part
        self.pallet_name, self.name = pallet, camel_case(attribute)
        self.annotations = get_args(annotation)
        if len(self.annotations) != len(self.hashers) + 1:
            raise TypeError(f"{pallet}.{attribute}: {annotation} does not fit its hashers")
        self.codec = STORED.codec_of(self.annotations[-1])
        self.key_codecs = [STORED.codec_of(part) for part in self.annotations[:-1]]
        self.prefix = twox_128(pallet.encode()) + twox_128(self.name.encode())

    @property
    def docs(self) -> str:
        """What the pallet's source says of the item; read when metadata are made, not before."""
        return attribute_docs(self._part).get(self.attribute, "")

    def __get__(self, pallet: Any, owner: type) -> Self:
        """Return this item over the state of the block that `pallet` is bound to."""
        if pallet is None:
            return self
        bound = copy.copy(self)
        bound.state = pallet.state
        pallet.__dict__[self.attribute] = bound  # found there at once from now on
        return bound


class Value(Item, Generic[V]):
    """One value. With a default it always reads as something; without, `get` may give None."""

    def __init__(self, default: V | None = None) -> None:
        super().__init__(default, ())

    def get(self) -> V | None:
        """Return the value, or the default (None if there is none)."""
        value: V | None = self.state.values.get(self.prefix, UNREAD)
        if value is UNREAD:
            value = self.state.read(self.prefix, self.codec)
        return self.default if value is None else value

    @property
    def value(self) -> V:
        """The value or its default; StateMissing if there is neither."""
        found = self.get()
        if found is None:
            raise StateMissing(f"{self.pallet_name}.{self.name} is not set")
        return found

    @value.setter
    def value(self, value: V) -> None:
        self.state.write(self.prefix, self.codec, value)

    def clear(self) -> None:
        """Remove the value from the state."""
        self.state.write(self.prefix, self.codec, None)

    def exists(self) -> bool:
        """Tell whether a value is stored, defaults aside."""
        return self.state.read(self.prefix, self.codec) is not None


class KeyedItem(Item, Generic[V]):
    """A map from one to three keys; subclasses only say what a key looks like."""

    def declare(self, pallet: str, attribute: str, annotation: Any, part: type) -> None:
        """Take names and types, and remember places: an extrinsic asks for one many times."""
        super().declare(pallet, attribute, annotation, part)
        self.place: Callable[[Any], bytes] = lru_cache(maxsize=PLACES_KEPT)(self._place)

    def _place(self, key: Any) -> bytes:
        raise TypeError("a keyed item is a Map, a DoubleMap or a TripleMap")

    def _find(self, key: Any) -> V | None:
        place = self.place(key)
        found: V | None = self.state.values.get(place, UNREAD)
        if found is UNREAD:
            found = self.state.read(place, self.codec)
        return found

    def _read(self, key: Any) -> V:
        place = self.place(key)
        found: V | None = self.state.values.get(place, UNREAD)
        if found is UNREAD:
            found = self.state.read(place, self.codec)
        if found is None:
            found = self.default
            if found is None:
                raise StateMissing(f"{self.pallet_name}.{self.name} has nothing under {key!r}")
        return found

    def _write(self, key: Any, value: V | None) -> None:
        self.state.write(self.place(key), self.codec, value)

    def _split(self, place: bytes, known: int) -> tuple[Any, ...]:
        """Return the keys written in a storage key."""
        keys, position = [], len(self.prefix)
        for hasher, codec in zip(self.hashers, self.key_codecs, strict=True):
            key, position = codec.decode_part(place, position + hasher.prefix)
            keys.append(key)
        return tuple(keys[known:])

    def _entries(self, leading: tuple[Any, ...], after: bytes | None) -> Iterator[tuple[Any, V]]:
        prefix = self.prefix + b"".join(
            hasher.function(codec.write(key))
            for hasher, codec, key in zip(self.hashers, self.key_codecs, leading, strict=False)
        )
        for place, value in self.state.pairs(prefix, self.codec, after):
            keys = self._split(place, len(leading))
            yield (keys[0] if len(keys) == 1 else keys), value


class Map(KeyedItem[V], Generic[K1, V]):
    """Values by one key."""

    def __init__(self, hasher: Hasher, default: V | None = None) -> None:
        super().__init__(default, (hasher,))

    def _place(self, key: Any) -> bytes:
        return self.prefix + self.hashers[0].function(self.key_codecs[0].write(key))

    def __getitem__(self, key: K1) -> V:
        # `_read` once more, without the call: a transfer comes through here six times.
        found: V | None = self.state.values.get(self.place(key), UNREAD)
        return self._read(key) if found is None or found is UNREAD else found

    def __setitem__(self, key: K1, value: V) -> None:
        self.state.write(self.place(key), self.codec, value)

    def __delitem__(self, key: K1) -> None:
        self._write(key, None)

    def __contains__(self, key: K1) -> bool:
        return self._find(key) is not None

    def get(self, key: K1) -> V | None:
        """Return what is stored under `key`, or None; the default plays no part."""
        return self._find(key)

    def key(self, key: K1) -> bytes:
        """Return the storage key."""
        return self.place(key)

    def items(self, after: bytes | None = None) -> Iterator[tuple[K1, V]]:
        """Yield keys and values in the order of storage keys, strictly after one of them."""
        return self._entries((), after)

    def __iter__(self) -> Iterator[K1]:
        return (key for key, _ in self._entries((), None))


class DoubleMap(KeyedItem[V], Generic[K1, K2, V]):
    """Values by two keys; all under one first key can be listed."""

    def __init__(self, first: Hasher, second: Hasher, default: V | None = None) -> None:
        super().__init__(default, (first, second))

    def _place(self, key: Any) -> bytes:
        one, two = key
        return (
            self.prefix
            + self.hashers[0].function(self.key_codecs[0].write(one))
            + self.hashers[1].function(self.key_codecs[1].write(two))
        )

    def __getitem__(self, key: tuple[K1, K2]) -> V:
        return self._read(key)

    def __setitem__(self, key: tuple[K1, K2], value: V) -> None:
        self._write(key, value)

    def __delitem__(self, key: tuple[K1, K2]) -> None:
        self._write(key, None)

    def __contains__(self, key: tuple[K1, K2]) -> bool:
        return self._find(key) is not None

    def get(self, key: tuple[K1, K2]) -> V | None:
        """Return what is stored under both keys, or None."""
        return self._find(key)

    def under(self, first: K1) -> Iterator[tuple[K2, V]]:
        """Yield second keys and values stored under a first key."""
        return self._entries((first,), None)

    def items(self, after: bytes | None = None) -> Iterator[tuple[tuple[K1, K2], V]]:
        """Yield all keys and values."""
        return self._entries((), after)


class TripleMap(KeyedItem[V], Generic[K1, K2, K3, V]):
    """Values by three keys."""

    def __init__(
        self, first: Hasher, second: Hasher, third: Hasher, default: V | None = None
    ) -> None:
        super().__init__(default, (first, second, third))

    def _place(self, key: Any) -> bytes:
        return self.prefix + b"".join(
            hasher.function(codec.write(part))
            for hasher, codec, part in zip(self.hashers, self.key_codecs, key, strict=True)
        )

    def __getitem__(self, key: tuple[K1, K2, K3]) -> V:
        return self._read(key)

    def __setitem__(self, key: tuple[K1, K2, K3], value: V) -> None:
        self._write(key, value)

    def __delitem__(self, key: tuple[K1, K2, K3]) -> None:
        self._write(key, None)

    def __contains__(self, key: tuple[K1, K2, K3]) -> bool:
        return self._find(key) is not None

    def get(self, key: tuple[K1, K2, K3]) -> V | None:
        """Return what is stored under the three keys, or None."""
        return self._find(key)

    def under(self, first: K1) -> Iterator[tuple[tuple[K2, K3], V]]:
        """Yield second and third keys and values stored under a first key."""
        return self._entries((first,), None)

    def items(self, after: bytes | None = None) -> Iterator[tuple[tuple[K1, K2, K3], V]]:
        """Yield all keys and values."""
        return self._entries((), after)


def camel_case(attribute: str) -> str:
    """Return the name clients see: `total_issuance` is `TotalIssuance`."""
    return "".join(part.capitalize() for part in attribute.split("_"))


@cache
def attribute_docs(owner: type) -> dict[str, str]:
    """Return the string that follows each annotated attribute in the source of a class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    body = typing.cast("ast.ClassDef", tree.body[0]).body
    found = {}
    for statement, following in itertools.pairwise(body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(following, ast.Expr):
            continue
        if isinstance(statement.target, ast.Name) and isinstance(following.value, ast.Constant):
            found[statement.target.id] = inspect.cleandoc(str(following.value.value))
    return found
