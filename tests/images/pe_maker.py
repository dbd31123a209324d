"""Makes small PE32+ files, so that tests need no kernel."""

import struct

ALIGNMENT = 512


def make(sections: dict[str, bytes], *, signature: bytes = b"", trailing: bytes = b"") -> bytes:
    """A PE32+ EFI application with the given sections, in order, and optionally a certificate table."""
    headers = 64 + 24 + 240 + 40 * len(sections)
    headers_size = -(-headers // ALIGNMENT) * ALIGNMENT
    table, body, at, address = b"", b"", headers_size, 0x1000
    for name, content in sections.items():
        raw = content + bytes(-len(content) % ALIGNMENT)
        table += struct.pack(
            "<8sIIIIIIHHI", name.encode(), len(content), address, len(raw), at if raw else 0, 0, 0, 0, 0, 0x40000040
        )
        body += raw
        at += len(raw)
        address += -(-max(len(content), 1) // 0x1000) * 0x1000
    certificates_at = at + len(trailing)
    directories = [(0, 0)] * 16
    if signature:
        directories[4] = (certificates_at, len(signature))
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII",
        *(0x20B, 0, 0, 0, 0, 0, 0x1000, 0x1000, 0x10000, 0x1000, ALIGNMENT),
        *(0, 0, 0, 0, 0, 0, 0, address, headers_size, 0xABCD1234, 10, 0),
        *(0, 0, 0, 0, 0, 16),
    ) + b"".join(struct.pack("<II", *entry) for entry in directories)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, len(optional), 0x22)
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    head = dos + coff + optional + table
    return head + bytes(headers_size - len(head)) + body + trailing + signature


def signature(size: int = 64) -> bytes:
    """A WIN_CERTIFICATE of the right shape whose content is not a signature."""
    return struct.pack("<IHH", size, 0x0200, 2) + bytes(size - 8)


UKI = {
    ".osrel": b"ID=test\n\0",
    ".cmdline": b"roothash=" + b"ab" * 32 + b" ro quiet\n",
    ".uname": b"6.12.0-test",
    ".sbat": b"sbat,1,\n",
    ".linux": make({".text": b"kernel" * 40}),
    ".initrd": b"initrd bytes.." * 9,
}
