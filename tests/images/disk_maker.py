"""Makes small disks with a GUID partition table."""

import struct
import uuid


def disk(path, parts):
    """A disk with a GUID partition table: (type, content) in order, from sector 40 on."""
    entries, body, sector = b"", b"", 40
    for kind, content in parts:
        sectors = -(-len(content) // 512)
        entries += (
            kind.bytes_le + uuid.uuid4().bytes_le + struct.pack("<QQQ", sector, sector + sectors - 1, 0) + bytes(72)
        )
        body += content + bytes(-len(content) % 512)
        sector += sectors
    header = b"EFI PART" + bytes(64) + struct.pack("<QII", 2, 4, 128) + bytes(4)
    table = entries + bytes(4 * 128 - len(entries))
    path.write_bytes((bytes(512) + header.ljust(512, b"\0") + table).ljust(40 * 512, b"\0") + body)
    return path
