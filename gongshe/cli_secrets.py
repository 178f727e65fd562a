"""Where secrets come from: a prompt, a file, standard input; an argument only for public ones."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gongshe.cli_output import Failed
from gongshe.primitives.crypto import CryptoError, Scheme
from gongshe.primitives.keys import URI_LIMIT, Keypair, SecretError

SCHEMES = {"sr25519": Scheme.SR25519, "ed25519": Scheme.ED25519}

SOURCE_HELP = (
    "//Alice and other development URIs as they are; @FILE reads a secret from a file; "
    "- asks for it, or reads it from standard input."
)


def read_secret(source: str) -> str:
    """Return the secret URI that a source names; see SOURCE_HELP."""
    if source.startswith("//"):
        return source
    if source.startswith("@"):
        try:
            text = Path(source[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise Failed(f"the secret cannot be read: {fault}") from None
        return bounded(text)
    if source == "-":
        if sys.stdin.isatty():
            return bounded(click.prompt("Secret phrase, seed or URI", hide_input=True))
        return bounded(sys.stdin.read(URI_LIMIT + 2))
    raise Failed(
        "a secret on the command line stays in the shell's history and in the list of processes",
        "give - to be asked for it, or @FILE to have it read; only development URIs (//Alice) "
        "may stand here",
    )


def read_keypair(source: str, scheme: str) -> Keypair:
    """Return the key of a secret's source under a scheme."""
    return keypair_of(read_secret(source), scheme)


def keypair_of(uri: str, scheme: str) -> Keypair:
    """Return the key of a secret URI; the refusal does not repeat it."""
    try:
        return Keypair.from_uri(uri, SCHEMES[scheme])
    except (SecretError, CryptoError) as fault:
        raise Failed(f"the secret makes no key: {fault}") from None


def bounded(text: str) -> str:
    """Return a secret without the newline behind it."""
    stripped = text.strip()
    if not stripped:
        raise Failed("a secret phrase, seed or URI was expected, nothing was given")
    if len(stripped) > URI_LIMIT:
        raise Failed(f"a secret has at most {URI_LIMIT} characters")
    return stripped
