"""Who may speak to a listener: hosts, origins, and where operators' methods are offered.

A browser page may reach a node in two ways it should not: by a name that the page's author points
at 127.0.0.1 (rebinding), and by a WebSocket, which no browser rule keeps from other sites. The
first is met by an allow-list of `Host`, the second by one of `Origin`.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from gongshe.primitives.records import Record

LOCAL_NAMES = ("localhost",)
"""Names that browsers themselves resolve to loopback, whatever a name server says."""


class Listener(Record):
    """One address the node listens on, and what it grants there."""

    host: str = "127.0.0.1"
    port: int = 9944
    hosts: tuple[str, ...] = ()
    """Names under which clients reach this listener, beside `localhost` and any IP address."""

    origins: tuple[str, ...] = ()
    """Sites whose pages may speak to it (`https://wallet.example`), beside pages from this
    machine; `*` for all, as a development chain wants."""

    unsafe: bool = False
    """Offer operators' methods although the listener is not on loopback."""

    @property
    def offers_unsafe(self) -> bool:
        """Whether operators' methods are offered: on loopback, or where it was asked for."""
        return self.unsafe or is_loopback(self.host)


def is_loopback(address: str) -> bool:
    """Tell whether an address or name is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address in LOCAL_NAMES


def allows_host(listener: Listener, host: str) -> bool:
    """Tell whether a `Host` header may stand before this listener.

    IP addresses always may: rebinding needs a name, and a browser sends the name it was given.
    """
    name = _name_of(f"//{host}")
    if not name:
        return False
    try:
        ip_address(name)
    except ValueError:
        return name in LOCAL_NAMES or name in listener.hosts
    return True


def allows_origin(listener: Listener, origin: str) -> bool:
    """Tell whether pages of this origin may speak to this listener."""
    if "*" in listener.origins or origin in listener.origins:
        return True
    return origin.startswith(("http://", "https://")) and is_loopback(_name_of(origin))


def _name_of(address: str) -> str:
    """Return the lower-case host of a URL's beginning, or an empty text."""
    try:
        parts = urlsplit(address)
        if parts.path or parts.query or parts.fragment or parts.username is not None:
            return ""
        _ = parts.port  # raises for what is no port
        return parts.hostname or ""
    except ValueError:
        return ""
