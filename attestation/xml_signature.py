"""Enveloped XML signatures, as far as reference integrity manifests use them (W3C XML Signature 1.1).

Canonical XML 1.1 for documents without document type, comments, processing instructions and `xml:` attributes; all of
these are refused, so what is left of the canonicalisation is namespaces, attribute order and escaping.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA384

from attestation.certificates import MAX_CERTIFICATES, load_der
from attestation.errors import AttestationError

DSIG = "http://www.w3.org/2000/09/xmldsig#"
_C14N = {"http://www.w3.org/2006/12/xml-c14n11", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"}
_ECDSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
_ENVELOPED = f"{DSIG}enveloped-signature"
MAX_XML = 1024 * 1024
_MAX_DEPTH, _MAX_ELEMENTS = 16, 4096


@dataclass
class Element:
    """An element with its attributes as written, its children in order and every namespace in scope."""

    name: str
    attributes: dict[str, str]
    scope: Mapping[str, str]
    children: list[Element | str] = field(default_factory=list)

    def expanded(self, name: str | None = None) -> tuple[str, str]:
        """Namespace and local name of the element, or of one of its attributes (which have no default namespace)."""
        prefix, _, local = (name or self.name).rpartition(":")
        if name is not None and not prefix:
            return "", local
        if prefix and prefix not in self.scope:
            raise AttestationError(f"XML: the prefix {prefix!r} is not declared")
        return self.scope.get(prefix, ""), local

    def elements(self, namespace: str, local: str) -> list[Element]:
        """Child elements of that name."""
        return [c for c in self.children if isinstance(c, Element) and c.expanded() == (namespace, local)]

    def text(self) -> str:
        """The text directly in the element."""
        return "".join(child for child in self.children if isinstance(child, str))


def parse(data: bytes, what: str) -> Element:
    """The document's root element.

    Raises:
        AttestationError: not XML, or with something that is refused.
    """
    if len(data) > MAX_XML:
        raise AttestationError(f"{what}: {len(data)} bytes, at most {MAX_XML} are read")
    root: list[Element] = []
    open_elements: list[Element] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(open_elements) >= _MAX_DEPTH or count > _MAX_ELEMENTS:
            raise AttestationError(f"{what}: more than {_MAX_DEPTH} levels or {_MAX_ELEMENTS} elements")
        scope = dict(open_elements[-1].scope) if open_elements else {}
        plain = {}
        for key, value in attributes.items():
            if key == "xmlns" or key.startswith("xmlns:"):
                scope[key[6:]] = value
            elif key.startswith("xml:"):
                raise AttestationError(f"{what}: the attribute {key} is not supported")
            else:
                plain[key] = value
        element = Element(name, plain, scope)
        (open_elements[-1].children if open_elements else root).append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        open_elements.pop()

    def characters(text: str) -> None:
        if open_elements:
            open_elements[-1].children.append(text)

    def refuse(*_: object) -> NoReturn:
        raise AttestationError(f"{what}: document types, comments and processing instructions are not supported")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, characters
    parser.StartDoctypeDeclHandler = parser.CommentHandler = parser.ProcessingInstructionHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise AttestationError(f"{what}: not XML: {error}") from error
    return root[0]


def canonical(element: Element, rendered: Mapping[str, str] | None = None) -> bytes:
    """The element in Canonical XML 1.1; `rendered` are the namespaces that an ancestor already wrote."""
    already = {} if rendered is None else rendered
    spaces = {p: uri for p, uri in element.scope.items() if already.get(p, "") != uri}
    parts = [f"<{element.name}"]
    parts += [f' xmlns{":" if p else ""}{p}="{_attribute(uri)}"' for p, uri in sorted(spaces.items())]
    named = sorted((element.expanded(name), name, value) for name, value in element.attributes.items())
    parts += [f' {name}="{_attribute(value)}"' for _, name, value in named]
    parts.append(">")
    inside = {**already, **spaces}
    out = "".join(parts).encode()
    for child in element.children:
        out += _text(child) if isinstance(child, str) else canonical(child, inside)
    return out + f"</{element.name}>".encode()


def _attribute(value: str) -> str:
    text = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")


def _text(value: str) -> bytes:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;").encode()


@dataclass(frozen=True)
class Signed:
    """A document with what its signature says; `fault` is empty when digest and signature hold."""

    root: Element
    certificates: tuple[x509.Certificate, ...]
    """Of the signature, signer first; their path is the caller's business."""
    fault: str


def verify(data: bytes, what: str) -> Signed:
    """Checks the enveloped signature over a whole document.

    Raises:
        AttestationError: malformed, or not signed in the one way that is supported.
    """
    root = parse(data, what)
    signatures = root.elements(DSIG, "Signature")
    if len(signatures) != 1:
        raise AttestationError(f"{what}: {len(signatures)} signatures directly under the root, expected one")
    signature = signatures[0]
    info, value, reference = _structure(signature, what)
    certificates = _certificates(signature, what)
    bare = Element(root.name, root.attributes, root.scope, [c for c in root.children if c is not signature])
    digest = _base64(_only(reference, "DigestValue", what).text(), what)
    if hashlib.sha384(canonical(bare)).digest() != digest:
        return Signed(root, certificates, "the document's digest is not the one that was signed")
    return Signed(root, certificates, _signature_fault(certificates[0], value, canonical(info)))


def _only(parent: Element, local: str, what: str) -> Element:
    found = parent.elements(DSIG, local)
    if len(found) != 1:
        raise AttestationError(f"{what}: {len(found)} elements {local} in {parent.name}, expected one")
    return found[0]


def _structure(signature: Element, what: str) -> tuple[Element, bytes, Element]:
    """SignedInfo, signature value and reference, once every algorithm is the one that is supported."""
    info = _only(signature, "SignedInfo", what)
    reference = _only(info, "Reference", what)
    transforms = [
        t.attributes.get("Algorithm") for t in _only(reference, "Transforms", what).elements(DSIG, "Transform")
    ]
    methods = {
        "CanonicalizationMethod": (_only(info, "CanonicalizationMethod", what).attributes.get("Algorithm"), _C14N),
        "SignatureMethod": (_only(info, "SignatureMethod", what).attributes.get("Algorithm"), {_ECDSA_SHA384}),
        "DigestMethod": (_only(reference, "DigestMethod", what).attributes.get("Algorithm"), {_SHA384}),
        "Reference URI": (reference.attributes.get("URI"), {""}),
    }
    for name, (actual, accepted) in methods.items():
        if actual not in accepted:
            raise AttestationError(f"{what}: {name} is {actual!r}, supported: {sorted(accepted)}")
    if transforms[:1] != [_ENVELOPED] or not set(transforms[1:]) <= _C14N:
        raise AttestationError(
            f"{what}: transforms {transforms}; enveloped-signature and canonicalisation are supported"
        )
    return info, _base64(_only(signature, "SignatureValue", what).text(), what), reference


def _certificates(signature: Element, what: str) -> tuple[x509.Certificate, ...]:
    holder = _only(_only(signature, "KeyInfo", what), "X509Data", what).elements(DSIG, "X509Certificate")
    if not 1 <= len(holder) <= MAX_CERTIFICATES:
        raise AttestationError(f"{what}: {len(holder)} certificates in the signature, expected 1 to {MAX_CERTIFICATES}")
    return tuple(load_der(_base64(entry.text(), what), f"{what}, certificate {i}") for i, entry in enumerate(holder))


def _base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AttestationError(f"{what}: not base64: {error}") from error


def _signature_fault(signer: x509.Certificate, value: bytes, message: bytes) -> str:
    try:
        key = signer.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return f"the signer's key cannot be used: {error}"
    if not isinstance(key, ec.EllipticCurvePublicKey) or len(value) != 96:
        return "an ECDSA P-384 signature of 96 bytes was expected"
    r, s = (int.from_bytes(value[i : i + 48], "big") for i in (0, 48))
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(SHA384()))
    except InvalidSignature:
        return "the signature does not verify under the certificate in it"
    return ""
