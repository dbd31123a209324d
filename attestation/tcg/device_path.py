"""UEFI device paths as text (UEFI 2.10 section 10.3, the node types that boot paths use)."""

from __future__ import annotations

import uuid

from attestation.errors import AttestationError
from attestation.reader import Reader

_MAX_NODES = 64


def path_text(data: bytes) -> str:
    """The path in the usual notation, nodes joined by `/`; unknown nodes as `Path(type,subtype,hex)`.

    Raises:
        AttestationError: a node's length does not fit.
    """
    reader = Reader(data, "device path")
    nodes: list[str] = []
    while reader.left:
        kind, subtype, size = reader.le(1, "type"), reader.le(1, "subtype"), reader.le(2, "length")
        if size < 4 or len(nodes) >= _MAX_NODES:
            raise AttestationError(
                f"device path: node {len(nodes)} of {size} bytes; at most {_MAX_NODES} nodes of at least 4"
            )
        body = reader.take(size - 4, "node")
        if kind == 0x7F:
            if subtype == 0xFF:
                break
            nodes.append(",")
            continue
        nodes.append(_node(kind, subtype, body))
    return "/".join(nodes)


def _node(kind: int, subtype: int, body: bytes) -> str:
    match kind, subtype:
        case 1, 1 if len(body) == 2:
            return f"Pci({body[1]:#x},{body[0]:#x})"
        case 2, 1 if len(body) == 8:
            identifier = int.from_bytes(body[:4], "little")
            name = "PciRoot" if identifier == 0x0A0341D0 else f"Acpi({identifier:#x})"
            return f"{name}({int.from_bytes(body[4:], 'little'):#x})"
        case 3, 2 if len(body) == 4:
            return f"Scsi({int.from_bytes(body[:2], 'little'):#x},{int.from_bytes(body[2:], 'little'):#x})"
        case 3, 18 if len(body) == 6:
            return f"Sata({int.from_bytes(body[:2], 'little'):#x})"
        case 3, 23 if len(body) == 12:
            return f"NVMe({int.from_bytes(body[:4], 'little'):#x},{body[4:].hex('-')})"
        case 4, 1 if len(body) == 38:
            number = int.from_bytes(body[:4], "little")
            return f"HD({number},GPT,{uuid.UUID(bytes_le=body[20:36])})"
        case 4, 3 if len(body) >= 16:
            return f"VenMedia({uuid.UUID(bytes_le=body[:16])})"
        case 4, 4:
            return "File(" + body.decode("utf-16-le", "replace").rstrip("\0") + ")"
        case 4, 6 if len(body) == 16:
            return f"FvFile({uuid.UUID(bytes_le=body)})"
        case 4, 7 if len(body) == 16:
            return f"Fv({uuid.UUID(bytes_le=body)})"
        case _:
            return f"Path({kind},{subtype},{body[:32].hex()})"
