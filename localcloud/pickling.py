"""How moto's objects are written down: backends by name, object bodies as files, locks made anew.

The snapshot belongs to one version of moto and Python and is read by nothing else; see `state` for the check.
"""

from __future__ import annotations

import hashlib
import io
import marshal
import pickle
import threading
import types
import weakref
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

_LOCKS = (type(threading.Lock()), type(threading.RLock()))
# Marks on an object: the digest of its body, and its attributes as they were last written.
_DIGEST = "_localcloud_digest"
_WRITTEN = "_localcloud_written"


class Pickler(pickle.Pickler):
    """Writes one account's state. `blobs` is the directory for the bodies of S3 objects."""

    def __init__(self, file: io.BytesIO, blobs: Path) -> None:
        from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend  # noqa: PLC0415
        from moto.s3.models import FakeKey  # noqa: PLC0415
        from moto.s3.utils import _VersionedKeyStore  # noqa: PLC0415

        super().__init__(file, protocol=5)
        self._blobs = blobs
        self._backend, self._account, self._dict = BaseBackend, AccountSpecificBackend, BackendDict
        self._key, self._versions = FakeKey, _VersionedKeyStore

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler.reducer_override`."""
        if isinstance(obj, self._key):
            return _make_key, (type(obj), *self._written(obj), str(self._blobs))
        if isinstance(obj, self._versions):
            return _make_versions, (type(obj), [(name, obj.getlist(name)) for name in dict.keys(obj)])
        if isinstance(obj, self._backend):
            return find_backend, (service_name(type(obj)), obj.account_id, obj.region_name)
        if isinstance(obj, self._account):
            return _find_account, (obj.service_name, obj.account_id)
        if isinstance(obj, self._dict):
            return _find_dict, (obj.service_name,)
        if isinstance(obj, _LOCKS):
            return _make_lock, (type(obj) is _LOCKS[1],)
        if isinstance(obj, (RSAPrivateKey, EllipticCurvePrivateKey)):
            der = obj.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            return _load_key, (der,)
        if isinstance(obj, weakref.WeakValueDictionary):
            return _make_weak, (dict(obj),)
        if isinstance(obj, dict) and "__init__" in vars(type(obj)) and type(obj).__module__.startswith("moto."):
            # pickle would call the constructor, whose arguments only moto knows.
            state = (vars(obj), getattr(obj, "default_factory", None), list(dict.items(obj)))
            return type(obj).__new__, (type(obj),), state, None, None, _fill_mapping
        if isinstance(obj, types.FunctionType) and "<locals>" in obj.__qualname__ and obj.__closure__ is None:
            return _make_function, (marshal.dumps(obj.__code__), obj.__module__, obj.__defaults__)
        return NotImplemented

    def _written(self, key: Any) -> tuple[bytes, str]:
        """An object's attributes as bytes and the digest of its body; both are made again only after a change."""
        marks = vars(key)
        if _DIGEST not in marks:
            body = key.value
            digest = hashlib.sha256(body).hexdigest()
            path = self._blobs / digest
            if not path.exists():
                new = path.with_suffix(".new")
                new.write_bytes(body)
                new.replace(path)
            marks[_DIGEST] = digest
        if _WRITTEN not in marks:
            left_out = {"_value_buffer", "lock", _DIGEST, _WRITTEN}
            buffer = io.BytesIO()
            Pickler(buffer, self._blobs).dump({name: value for name, value in marks.items() if name not in left_out})
            marks[_WRITTEN] = buffer.getvalue()
        return marks[_WRITTEN], marks[_DIGEST]


def forget(key: Any) -> None:
    """Say that an object changed, so that its attributes are written again."""
    vars(key).pop(_WRITTEN, None)


def forget_body(key: Any) -> None:
    """Say that an object's body changed, so that it is written again."""
    vars(key).pop(_DIGEST, None)
    forget(key)


def body_digest(key: Any) -> str | None:
    """The digest under which an object's body was written, if it was."""
    digest: str | None = vars(key).get(_DIGEST)
    return digest


def _make_key(kind: Any, written: bytes, digest: str, blobs: str) -> Any:
    import tempfile  # noqa: PLC0415

    state = pickle.loads(written)  # noqa: S301 - part of our own snapshot
    key = kind.__new__(kind)
    vars(key).update(state)
    buffer = tempfile.SpooledTemporaryFile(state["_max_buffer_size"])  # noqa: SIM115 - moto closes it
    buffer.write((Path(blobs) / digest).read_bytes())
    vars(key).update({"lock": threading.Lock(), "_value_buffer": buffer, _DIGEST: digest, _WRITTEN: written})
    return key


def _make_versions(kind: type, items: list[tuple[str, list[Any]]]) -> Any:
    store = kind()
    for name, versions in items:
        # The store's own item assignment appends a version.
        dict.__setitem__(store, name, versions)
    return store


def service_name(kind: type) -> str:
    """Moto's package name of a backend class."""
    return kind.__module__.split(".")[1]


def find_backend(service: str, account: str, region: str) -> Any:
    """The one backend object of a service, account and region; made empty where it is not there yet."""
    regions = _find_account(service, account)
    if region not in dict.keys(regions):
        kind = regions.backend
        dict.__setitem__(regions, region, kind.__new__(kind))
        regions[region].region_name = region
        regions[region].account_id = account
    return regions[region]


def _find_account(service: str, account: str) -> Any:
    return _find_dict(service)[account]


def _find_dict(service: str) -> Any:
    from moto import backends  # noqa: PLC0415

    return backends.get_backend(_package(service))


def _package(service: str) -> Any:
    from moto import backends  # noqa: PLC0415

    known = backends.list_of_moto_modules()
    return service if service in known else {"lambda": "awslambda"}.get(service, service.replace("-", ""))


def _fill_mapping(mapping: Any, state: tuple[dict[str, Any], Any, list[tuple[Any, Any]]]) -> None:
    attributes, factory, items = state
    vars(mapping).update(attributes)
    if factory is not None:
        mapping.default_factory = factory
    for key, value in items:
        dict.__setitem__(mapping, key, value)


def _load_key(der: bytes) -> Any:
    return load_der_private_key(der, None)


def _make_lock(reentrant: bool) -> Any:
    return threading.RLock() if reentrant else threading.Lock()


def _make_weak(items: dict[Any, Any]) -> Any:
    return weakref.WeakValueDictionary(items)


def _make_function(code: bytes, module: str, defaults: tuple[Any, ...] | None) -> Any:
    import importlib  # noqa: PLC0415

    return types.FunctionType(marshal.loads(code), vars(importlib.import_module(module)), argdefs=defaults)  # noqa: S302 - our own snapshot
