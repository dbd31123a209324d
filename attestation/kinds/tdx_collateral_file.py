"""The files in which Intel's collateral is kept, read into the nine fields of `sgx_ql_qve_collateral_t`.

Names are Intel's in C (`tcb_info`) or in JSON (`tcbInfo`). The signed documents are text, the parsed object, or the
PCS's whole answer with its signature inside; chains are PEM, also percent-encoded as in the PCS's headers; lists and
signatures are hex, base64, PEM or numbers (Intel SGX and TDX PCS API v4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.text import binary

_CHAINS = ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain")
_LISTS = ("root_ca_crl", "pck_crl")
_DOCUMENTS = {"tcb_info": ("tcbInfo",), "qe_identity": ("enclaveIdentity", "qeIdentity")}
"""Signed documents, and what the PCS's answer calls them."""


def load(data: bytes) -> dict[str, Any]:
    """The nine fields: chains and documents as text, lists (DER) and signatures as bytes.

    Raises:
        AttestationError: a field is missing or cannot be read.
    """
    document = load_json(data, "TDX collateral")
    for name in ("collateral", "quote_collateral", "tdx_collateral"):
        if isinstance(document, Mapping) and isinstance(document.get(name), Mapping):
            document = document[name]
    if not isinstance(document, Mapping):
        raise AttestationError("TDX collateral: expected a JSON object")
    fields: dict[str, Any] = {name: _chain(_value(document, name), name) for name in _CHAINS}
    fields |= {name: _list(_value(document, name), name) for name in _LISTS}
    for name, inner in _DOCUMENTS.items():
        text, signature = _signed(_value(document, name), inner, name)
        given = _value(document, f"{name}_signature")
        fields[name] = text
        fields[f"{name}_signature"] = _bytes(signature if given is None else given, f"{name}_signature")
    return fields


def _value(document: Mapping[str, Any], name: str) -> Any:
    first, *others = name.split("_")
    return document.get(name, document.get(first + "".join(part.capitalize() for part in others)))


def _chain(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise AttestationError(f"TDX collateral: {name} must be text, got {type(value).__name__}")
    return unquote(value) if "%0A" in value.upper() else value


def _bytes(value: Any, name: str) -> bytes:
    if isinstance(value, str) and "-----BEGIN" in value:
        return value.encode()
    if not isinstance(value, str | list):
        raise AttestationError(f"TDX collateral: {name} must be hex text or bytes, got {type(value).__name__}")
    return binary(value, f"TDX collateral: {name}")


def _list(value: Any, name: str) -> bytes:
    """A revocation list in DER; Intel's library hands the root's out as the hex text of it."""
    raw = _bytes(value, name)
    text = raw.strip(b"\0\r\n ")
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2}){64,}", text):
        return bytes.fromhex(text.decode("ascii"))
    if not text.startswith(b"-----BEGIN"):
        return raw
    try:
        return x509.load_pem_x509_crl(text).public_bytes(Encoding.DER)
    except (ValueError, x509.InvalidVersion) as error:
        raise AttestationError(f"TDX collateral: {name} is not a revocation list: {error}") from error


def _signed(value: Any, inner: tuple[str, ...], name: str) -> tuple[str, Any]:
    """A signed document's exact text, and the signature where the PCS's answer has it inside.

    An object that was parsed is written as Intel writes it, without white space; whether that is the text that was
    signed, the signature says.
    """
    if isinstance(value, Mapping):
        value = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not isinstance(value, str):
        raise AttestationError(f"TDX collateral: {name} must be text or an object, got {type(value).__name__}")
    try:
        answer = load_json(value, f"TDX collateral: {name}")
        found = next((key for key in inner if isinstance(answer, Mapping) and key in answer), None)
        if found is None:
            return value, None
        start = re.search(rf'"{found}"\s*:\s*', value)
        if start is None:
            raise AttestationError(f"TDX collateral: {name}: {found!r} is written with escapes, as nobody signs it")
        _, end = json.JSONDecoder().raw_decode(value, start.end())
    except (ValueError, RecursionError) as error:
        raise AttestationError(f"TDX collateral: {name} is not JSON: {error}") from error
    return value[start.end() : end], answer.get("signature")
