"""A second reader of the formats, written from docs/formats alone. It shares no code with the trainer.

Standard library for everything but the primitives; used by the tests to hold the documents and the product together.
"""

import base64
import hashlib
import hmac
import json
import math
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def jcs(document):
    """RFC 8785 for the documents that occur here: strings, whole numbers, lists, objects."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hkdf_sha512(key, salt, info, length):
    """RFC 5869, from HMAC alone."""
    secret = hmac.new(salt, key, hashlib.sha512).digest()
    block, out, number = b"", b"", 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([number]), hashlib.sha512).digest()
        out, number = out + block, number + 1
    return out[:length]


def gcm_open(key, nonce, sealed, associated):
    """AES-256-GCM through the cipher interface, not the AEAD one."""
    decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, sealed[-16:])).decryptor()
    decryptor.authenticate_additional_data(associated)
    return decryptor.update(sealed[:-16]) + decryptor.finalize()


def read_container(sealed, data_key, kind, fields):
    """The plaintext of a container; an exception for anything that is not exactly as documented."""
    magic, chunk, zero, chunks, length, salt, commitment, digest = struct.unpack_from("<8sIIQQ32s32s32s", sealed)
    assert (magic, chunk, zero) == (b"BULKHD\x00\x01", 65536, 0)
    assert chunks == max(1, (length + 65535) // 65536)
    assert len(sealed) == 128 + length + 16 * chunks
    header = {"format": "bulkhead-container/1", "kind": kind, "chunk_bytes": 65536, "chunks": chunks, "length": length}
    associated = jcs({**fields, **header})
    assert hashlib.sha256(associated).digest() == digest
    info = b"bulkhead-container/1 key and commitment\x00" + associated
    material = hkdf_sha512(data_key, salt, info, 64)
    assert hmac.compare_digest(material[32:], commitment)
    plaintext, at = b"", 128
    for index in range(chunks):
        last = index == chunks - 1
        size = (length - index * 65536 if last else 65536) + 16
        nonce = b"\x00\x00\x00" + index.to_bytes(8, "big") + bytes([last])
        plaintext += gcm_open(material[:32], nonce, sealed[at : at + size], associated)
        at += size
    return plaintext


def open_envelope(data, payload_type, public_key):
    """The document in a DSSE envelope, after its signature."""
    envelope = json.loads(data)
    assert envelope["payloadType"] == payload_type
    payload = base64.b64decode(envelope["payload"])
    kind = payload_type.encode()
    message = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), message)
    return json.loads(payload)


def unwrap(wrapping_key, wrapped, kind, fields):
    """A container's key, wrapped under a key of the hierarchy."""
    data = base64.b64decode(wrapped)
    associated = b"bulkhead-wrapped-key/1\x00" + jcs({"kind": kind, **fields})
    return gcm_open(wrapping_key, data[:12], data[12:], associated)


def read_shard(manifest, shard, sealed, data_set_key):
    """The plaintext of a shard of a data set."""
    group = next(group for group in manifest["groups"] if group["id"] == shard["group"])
    fields = {name: manifest[name] for name in ("tenant", "data_set", "version")}
    fields |= {"shard": shard["id"], "class": group["sensitivity"]}
    assert sealed[64:96].hex() == shard["commitment"]
    assert int.from_bytes(sealed[24:32], "little") == shard["length"]
    return read_container(sealed, unwrap(data_set_key, shard["wrapped_key"], "shard", fields), "shard", fields)


def split(group, plaintext, rows):
    """The values of a group's columns, row by row, as bytes."""
    columns = group["columns"]
    if columns[0]["dtype"] in ("utf8", "bytes", "json"):
        offsets = struct.unpack(f"<{rows + 1}Q", plaintext[-8 * (rows + 1) :])
        assert (offsets[0], offsets[-1]) == (0, len(plaintext) - 8 * (rows + 1))
        return {columns[0]["name"]: [plaintext[offsets[k] : offsets[k + 1]] for k in range(rows)]}
    sizes = [int(column["dtype"].split("[")[0][2:]) * math.prod(column["shape"]) for column in columns]
    assert len(plaintext) == rows * sum(sizes)
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return {
        column["name"]: [plaintext[at + start : at + start + size] for at in range(0, len(plaintext), sum(sizes))]
        for column, start, size in zip(columns, starts, sizes, strict=True)
    }


def read_data_set(folder, signer, data_set_keys):
    """All values of all columns of a data set in a folder, as bytes."""
    manifest = open_envelope((folder / "manifest.json").read_bytes(), "application/vnd.bulkhead.data-set+json", signer)
    found = {column["name"]: [] for group in manifest["groups"] for column in group["columns"]}
    groups = {group["id"]: group for group in manifest["groups"]}
    for shard in sorted(manifest["shards"], key=lambda shard: shard["start"]):
        group, sealed = groups[shard["group"]], (folder / shard["object"]).read_bytes()
        plaintext = read_shard(manifest, shard, sealed, data_set_keys[group["sensitivity"]])
        for name, values in split(group, plaintext, shard["stop"] - shard["start"]).items():
            assert len(found[name]) == shard["start"]
            found[name] += values
    return found
