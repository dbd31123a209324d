"""Google Cloud Attestation and Confidential Space tokens: JWT signed with RS256, keys given as a JWKS.

Google Cloud "Confidential VM attestation token claims" and "Confidential Space attestation assertions".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attestation.certificates import Roots
from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.kinds.gcp_token_keys import signature_checks
from attestation.result import Check, Claims, compare, failed, judged, not_evaluated

GOOGLE_ISSUER = "https://confidentialcomputing.googleapis.com"
DEFAULT_AUDIENCE = "https://sts.googleapis.com"
CLOCK_SKEW = 60
"""Seconds that clocks may disagree."""
MAX_TOKEN = 256 * 1024


def verify(
    evidence: bytes,
    *,
    nonce: bytes | None = None,
    now: datetime | None = None,
    roots: Roots | None = None,
    keys: bytes | None = None,
    issuer: str = GOOGLE_ISSUER,
) -> Claims:
    """Claims of a token.

    Args:
        evidence: the compact JWT, or JSON with it under `token`, `jwt`, `attestation_token` or `id_token`.
        nonce: compared with every value of `eat_nonce`: as text, hex or base64 of the nonce.
        now: when the token must be valid; the present unless given.
        roots: for PKI tokens (`x5c` in the header): what the chain may end in.
        keys: JWKS, PEM public keys, or certificates: of the signer, or for a PKI token those its chain may end in.
            Without keys and without a trusted `x5c` nothing is verified.
        issuer: who must have issued the token.

    Raises:
        AttestationError: not a JWT, or unreadable keys.
    """
    moment = now or datetime.now(UTC)
    token = _token(evidence)
    header, payload = _decode(token)
    checks = [compare("algorithm", "RS256", header.get("alg"), "the only algorithm that is accepted")]
    signature, anchored = signature_checks(token, header, keys, roots, moment)
    checks += signature
    checks.append(compare("issuer", issuer, payload.get("iss")))
    checks += _time_checks(payload, moment)
    checks.append(_nonce_check(payload.get("eat_nonce"), nonce))
    values = {"header": {name: header.get(name) for name in ("alg", "kid", "typ")}, **payload}
    values["debug"] = payload.get("dbgstat") != "disabled-since-boot"
    return Claims(
        "gcp-token", values, tuple(checks), anchored=anchored, evidence_sha256=hashlib.sha256(evidence).hexdigest()
    )


def _token(evidence: bytes) -> str:
    if len(evidence) > MAX_TOKEN:
        raise AttestationError(f"token: {len(evidence)} bytes, at most {MAX_TOKEN} are read")
    text = evidence.strip()
    if text[:1] == b"{":
        document = load_json(text, "token")
        names = ("token", "jwt", "attestation_token", "id_token")
        found = next((document[name] for name in names if isinstance(document.get(name), str)), None)
        if found is None:
            raise AttestationError(f"token: the JSON has none of {names}")
        return str(found)
    try:
        return text.decode("ascii")
    except UnicodeDecodeError as error:
        raise AttestationError(f"token: not ASCII: {error}") from error


def _segment(text: str, what: str) -> bytes:
    """Base64url without padding, in the one form that encodes these bytes (RFC 7515 section 2)."""
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AttestationError(f"token: {what} is not base64url: {error}") from error
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != text:
        raise AttestationError(f"token: {what} is not canonical base64url")
    return raw


def _decode(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = token.split(".")
    if len(parts) != 3:
        raise AttestationError(f"token: {len(parts)} parts, a signed JWT has three")
    decoded = []
    for part, what in zip(parts[:2], ("header", "payload"), strict=True):
        value = load_json(_segment(part, what), f"token: the {what}")
        if not isinstance(value, dict):
            raise AttestationError(f"token: the {what} is not an object")
        decoded.append(value)
    _segment(parts[2], "signature")
    return decoded[0], decoded[1]


def _time_checks(payload: Mapping[str, Any], moment: datetime) -> list[Check]:
    at = moment.timestamp()
    checks = []
    for name, required in (("exp", True), ("iat", True), ("nbf", False)):
        value = payload.get(name)
        if value is None and not required:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**11:
            checks.append(failed(name, expected="seconds since 1970", actual=value))
            continue
        good = at < value + CLOCK_SKEW if name == "exp" else value - CLOCK_SKEW <= at
        meaning = {"exp": "not expired", "iat": "issued before now", "nbf": "already valid"}[name]
        checks.append(
            judged(
                name,
                good,
                expected=f"{meaning} at {moment.isoformat()}",
                actual=datetime.fromtimestamp(value, UTC).isoformat(),
            )
        )
    return checks


def _nonce_check(actual: Any, nonce: bytes | None) -> Check:
    if nonce is None:
        return not_evaluated("nonce", "no nonce was given to compare with", actual=actual)
    values = actual if isinstance(actual, list) else [actual]
    plain = nonce.decode("utf-8", "replace")
    forms = {
        plain,
        nonce.hex(),
        nonce.hex().upper(),
        base64.b64encode(nonce).decode(),
        base64.urlsafe_b64encode(nonce).decode(),
        base64.urlsafe_b64encode(nonce).decode().rstrip("="),
    }
    return judged(
        "nonce",
        any(isinstance(value, str) and value in forms for value in values),
        expected=nonce.hex(),
        actual=actual,
        detail="eat_nonce holds the nonce as text, hex or base64",
    )
