"""Cloud Storage's JSON API v1: objects and buckets, as far as trainer, collectors and attacks call it.

Buckets are those of the deployed configuration; nobody makes or changes one here. A bucket with a default key needs
that key's permission for Cloud Storage's service agent, as in Google Cloud; bytes lie on this machine's disk as they
come.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from localcloud.backend import Response
from localcloud.gcp import computed
from localcloud.gcp.access import INTERNET, Access, Caller, Origin
from localcloud.gcp.desk import Desk
from localcloud.gcp.errors import Code, GoogleError, json_response
from localcloud.gcp.inventory import Asset
from localcloud.gcp.object_store import ObjectStore, Stored, crc32c, shown
from localcloud.gcp.uploads import Session, Sessions, as_object, bad, related
from localcloud.message import Message

_BUCKET = "storage.googleapis.com/Bucket"
_PAGE = 1000
_FAILED_CONDITION = "At least one of the pre-conditions you specified did not hold."


class Storage:
    """Answers requests below `/storage/v1`, `/upload/storage/v1` and `/download/storage/v1`."""

    def __init__(self, desk: Desk, store: ObjectStore) -> None:
        self._desk = desk
        self._store = store
        self._sessions = Sessions()

    def answer(self, message: Message, caller: Caller, origin: Origin) -> Response:
        """The answer to one request. Raises `GoogleError`."""
        area, _, rest = message.raw_path.partition("/storage/v1/")
        parts = [unquote(part) for part in rest.split("/")]
        host = f"http://{message.header('host')}"
        who = _Asker(self, caller, origin, message, host)
        with self._desk.lock:
            match (message.method, area, *parts):
                case ("GET", "", "b"):
                    return who.list_buckets()
                case ("GET", "", "b", bucket):
                    return who.get_bucket(bucket)
                case ("GET", "", "b", bucket, "iam"):
                    return who.bucket_policy(bucket)
                case ("GET", "", "b", bucket, ("acl" | "defaultObjectAcl")):
                    return who.no_acls(bucket)
                case ("GET", "", "b", bucket, "o"):
                    return who.list_objects(bucket)
                case ("GET", ("" | "/download"), "b", bucket, "o", name):
                    return who.get_object(bucket, name, media=area == "/download")
                case ("DELETE", "", "b", bucket, "o", name):
                    return who.delete_object(bucket, name)
                case ("PATCH", "", "b", bucket, "o", name):
                    return who.patch_object(bucket, name)
                case ("POST", "", "b", bucket, "o", name, ("copyTo" | "rewriteTo") as verb, "b", target, "o", new):
                    return who.copy(bucket, name, target, new, rewrite=verb == "rewriteTo")
                case ("POST", "/upload", "b", bucket, "o"):
                    return who.upload(bucket, self._sessions)
                case ("PUT", "/upload", "b", bucket, "o"):
                    return who.resume(bucket, self._sessions)
                case ("DELETE" | "PATCH" | "PUT", "", "b", bucket, *_below):
                    return who.refuse_change(bucket)
        raise GoogleError(
            Code.UNIMPLEMENTED, f"The local cloud, a test double, has no {message.method} {message.raw_path}"
        )

    def bucket(self, name: str) -> Asset:
        """The deployed bucket. Raises `GoogleError` (NOT_FOUND)."""
        asset = self._desk.inventory.assets.get(f"//storage.googleapis.com/{name}")
        if asset is None or asset.type != _BUCKET:
            raise GoogleError(Code.NOT_FOUND, "The specified bucket does not exist.", reason="notFound")
        return asset

    @property
    def desk(self) -> Desk:
        """Where calls are decided."""
        return self._desk

    @property
    def store(self) -> ObjectStore:
        """Where objects lie."""
        return self._store


class _Asker:
    """One request of one caller."""

    def __init__(self, storage: Storage, caller: Caller, origin: Origin, message: Message, host: str) -> None:
        self._storage, self._caller, self._origin = storage, caller, origin
        self._message, self._query, self._host = message, message.query, host
        self._store = storage.store

    def _require(self, permission: str, bucket: str, name: str | None = None, also: tuple[str, ...] = ()) -> None:
        above = f"//storage.googleapis.com/{bucket}"
        held = self._storage.desk.inventory.assets.get(above)
        # The evaluator knows where a bucket is in the hierarchy only if it exists.
        resource = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
        resource += "" if name is None else f"/objects/{name}"
        verb = permission.removeprefix("storage.")
        access = Access(permission, resource, f"google.storage.{verb}", above if held else "", also)
        self._storage.desk.require(self._caller, self._origin, access)

    def _key_usable(self, bucket: Asset, permission: str) -> None:
        """Cloud Storage's service agent must be able to use the bucket's key (Cloud Storage "CMEK")."""
        key = bucket.data.get("encryption", {}).get("defaultKmsKeyName")
        if not key:
            return
        agent = Caller("serviceAccount", computed.storage_agent(str(bucket.data["projectNumber"])))
        full = f"//cloudkms.googleapis.com/{key}"
        access = Access(f"cloudkms.cryptoKeyVersions.{permission}", full, "", full)
        # A service agent's calls stay inside Google and cross no perimeter of their own: they come from its project.
        inside = Origin(project=f"projects/{bucket.data['projectNumber']}") if self._origin != INTERNET else INTERNET
        if not self._storage.desk.allows(agent, inside, access):
            raise GoogleError(
                Code.PERMISSION_DENIED,
                f"Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been "
                f"authorized to use this key: {key}",
                reason="forbidden",
            )

    def list_buckets(self) -> Response:
        project = self._query.get("project", "")
        number = computed.project_number(project) if project else ""
        above = f"//cloudresourcemanager.googleapis.com/projects/{number}"
        access = Access("storage.buckets.list", above, "google.storage.buckets.list", above)
        self._storage.desk.require(self._caller, self._origin, access)
        held = {a.name: a for a in self._storage.desk.inventory.of_type(_BUCKET)}
        found = [held[name].data for name in sorted(held) if held[name].data["projectNumber"] == number]
        return json_response({"kind": "storage#buckets", "items": found})

    def get_bucket(self, bucket: str) -> Response:
        self._require("storage.buckets.get", bucket)
        return json_response(self._storage.bucket(bucket).data)

    def bucket_policy(self, bucket: str) -> Response:
        self._require("storage.buckets.getIamPolicy", bucket)
        held = self._storage.bucket(bucket)
        bindings = held.iam.get("bindings", [])
        document = {"kind": "storage#policy", "version": 3, "etag": "CAE=", "bindings": bindings}
        return json_response(document | {"resourceId": f"projects/_/buckets/{bucket}"})

    def no_acls(self, bucket: str) -> Response:
        self._require("storage.buckets.getIamPolicy", bucket)
        held = self._storage.bucket(bucket)
        if held.data["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]:
            raise GoogleError(
                Code.INVALID_ARGUMENT,
                "Cannot get legacy ACL for an object when uniform bucket-level access is enabled.",
                reason="invalid",
            )
        return json_response({"kind": "storage#bucketAccessControls", "items": []})

    def refuse_change(self, bucket: str) -> Response:
        permission = "delete" if self._message.method == "DELETE" else "setIamPolicy"
        if "iam" not in self._message.raw_path.split("/") and self._message.method != "DELETE":
            permission = "update"
        self._require(f"storage.buckets.{permission}", bucket)
        raise GoogleError(
            Code.UNIMPLEMENTED, "The deployed state is the configuration's: change that and load it again"
        )

    def list_objects(self, bucket: str) -> Response:
        self._require("storage.objects.list", bucket)
        self._storage.bucket(bucket)
        found = self._store.names(bucket, self._query.get("prefix", ""))
        if self._query.get("delimiter"):
            raise bad("delimiter: is not in the local cloud")
        after = base64.urlsafe_b64decode(self._query.get("pageToken", "")).decode()
        found = [one for one in found if one.name > after]
        count = min(int(self._query.get("maxResults") or _PAGE), _PAGE)
        document: dict[str, Any] = {
            "kind": "storage#objects",
            "items": [shown(one, self._host) for one in found[:count]],
        }
        if len(found) > count:
            document["nextPageToken"] = base64.urlsafe_b64encode(found[count - 1].name.encode()).decode()
        return json_response(document)

    def get_object(self, bucket: str, name: str, *, media: bool) -> Response:
        self._require("storage.objects.get", bucket, name)
        held = self._storage.bucket(bucket)
        stored = self._found(bucket, name)
        self._check_generation(stored)
        if not (media or self._query.get("alt") == "media"):
            return json_response(shown(stored, self._host))
        self._key_usable(held, "useToDecrypt")
        return self._media(stored)

    def _media(self, stored: Stored) -> Response:
        body = self._store.body(stored)
        headers = {
            "content-type": stored.content_type,
            "x-goog-hash": f"crc32c={stored.crc32c},md5={stored.md5}",
            "x-goog-generation": str(stored.generation),
            "x-goog-metageneration": str(stored.metageneration),
            "x-goog-stored-content-length": str(stored.size),
            "x-goog-stored-content-encoding": "identity",
        }
        wanted = self._message.header("range")
        if not wanted.startswith("bytes=") or not stored.size:
            return Response(200, tuple(headers.items()), body)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, stored.size - int(last))
        stop = min(int(last) + 1, stored.size) if first and last else stored.size
        if start >= stored.size:
            raise GoogleError(Code.INVALID_ARGUMENT, "the range is beyond the object", status=416)
        headers["content-range"] = f"bytes {start}-{stop - 1}/{stored.size}"
        return Response(206, tuple(headers.items()), body[start:stop])

    def _found(self, bucket: str, name: str) -> Stored:
        stored = self._store.find(bucket, name)
        if stored is None:
            raise GoogleError(Code.NOT_FOUND, f"No such object: {bucket}/{name}", reason="notFound")
        return stored

    def _check_generation(self, stored: Stored | None, query: dict[str, str] | None = None) -> None:
        """`ifGenerationMatch` and its relatives, and a generation that is asked for. Raises `GoogleError`."""
        asked = self._query if query is None else query
        generation = stored.generation if stored else 0
        wanted: dict[str, Callable[[int], bool]] = {
            "ifGenerationMatch": lambda value: generation == value,
            "ifGenerationNotMatch": lambda value: generation != value,
            "ifMetagenerationMatch": lambda value: (stored.metageneration if stored else 0) == value,
            "ifMetagenerationNotMatch": lambda value: (stored.metageneration if stored else 0) != value,
        }
        for name, holds in wanted.items():
            if name in asked and not holds(int(asked[name])):
                raise GoogleError(Code.FAILED_PRECONDITION, _FAILED_CONDITION, status=412, reason="conditionNotMet")
        if stored is not None and asked.get("generation", str(generation)) != str(generation):
            raise GoogleError(Code.NOT_FOUND, "No such generation.", reason="notFound")

    def _retained(self, held: Asset, stored: Stored) -> None:
        """A retention policy keeps an object for its period (Cloud Storage "Bucket Lock"). Raises `GoogleError`."""
        seconds = int(held.data.get("retentionPolicy", {}).get("retentionPeriod", 0))
        until = stored.created + seconds
        if seconds and time.time() < until:
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))
            raise GoogleError(
                Code.PERMISSION_DENIED,
                f"Object '{stored.bucket}/{stored.name}' is subject to bucket's retention policy or object retention "
                f"and cannot be deleted or overwritten until {when}",
                reason="retentionPolicyNotMet",
            )

    def delete_object(self, bucket: str, name: str) -> Response:
        self._require("storage.objects.delete", bucket, name)
        held = self._storage.bucket(bucket)
        stored = self._found(bucket, name)
        self._check_generation(stored)
        self._retained(held, stored)
        self._store.delete(stored)
        return Response(204, (), b"")

    def patch_object(self, bucket: str, name: str) -> Response:
        self._require("storage.objects.update", bucket, name)
        stored = self._found(bucket, name)
        self._check_generation(stored)
        given = as_object(self._message.body).get("metadata") or {}
        return json_response(shown(self._store.describe(stored, {**stored.metadata, **given}), self._host))

    def copy(self, bucket: str, name: str, target: str, new: str, *, rewrite: bool) -> Response:
        source = self._storage.desk.inventory.assets.get(f"//storage.googleapis.com/{bucket}")
        also = (f"projects/{source.data['projectNumber']}",) if source else ()
        self._require("storage.objects.get", bucket, name)
        self._require("storage.objects.create", target, new, also)
        stored = self._found(bucket, name)
        self._key_usable(self._storage.bucket(bucket), "useToDecrypt")
        made = self._write(target, new, self._store.body(stored), stored.content_type, dict(stored.metadata), {})
        document = shown(made, self._host)
        if rewrite:
            document = {"kind": "storage#rewriteResponse", "done": True, "resource": document,
                        "objectSize": str(made.size), "totalBytesRewritten": str(made.size)}  # fmt: skip
        return json_response(document)

    def upload(self, bucket: str, sessions: Sessions) -> Response:
        kind = self._query.get("uploadType", "")
        resource: dict[str, Any] = {}
        body, content_type = self._message.body, self._message.header("content-type", "application/octet-stream")
        if kind == "multipart":
            resource, content_type, body = related(self._message)
        elif kind == "resumable":
            resource = as_object(self._message.body)
        elif kind != "media":
            raise bad(f"uploadType {kind!r} is not in the local cloud")
        name = str(resource.get("name") or self._query.get("name") or "")
        if not name:
            raise bad("Required parameter: name")
        self._require("storage.objects.create", bucket, name)
        self._storage.bucket(bucket)
        if kind == "resumable":
            content_type = self._message.header("x-upload-content-type") or resource.get("contentType", content_type)
            session = Session(bucket, {**resource, "name": name}, dict(self._query), content_type, self._caller)
            place = (
                f"{self._host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={sessions.start(session)}"
            )
            return Response(200, (("location", place), ("content-length", "0")), b"")
        return self._finish(bucket, resource | {"name": name}, body, content_type, dict(self._query))

    def resume(self, bucket: str, sessions: Sessions) -> Response:
        session, complete = sessions.take(self._query.get("upload_id", ""), self._message)
        if session.bucket != bucket:
            raise bad("the upload belongs to another bucket")
        if not complete:
            headers = (("range", f"bytes=0-{len(session.body) - 1}"),) if session.body else ()
            return Response(308, headers, b"")
        # The session's id stands for whoever started it (Cloud Storage "Resumable uploads").
        self._caller = session.caller
        self._require("storage.objects.create", bucket, str(session.resource["name"]))
        return self._finish(bucket, session.resource, bytes(session.body), session.content_type, session.query)

    def _finish(
        self, bucket: str, resource: dict[str, Any], body: bytes, content_type: str, query: dict[str, str]
    ) -> Response:
        stated = resource.get("crc32c") or _stated_crc(self._message.header("x-goog-hash"))
        if stated and stated != crc32c(body):
            raise bad(f"Provided CRC32C {stated!r} doesn't match calculated CRC32C {crc32c(body)!r}.")
        metadata = {str(key): str(value) for key, value in (resource.get("metadata") or {}).items()}
        kind = str(resource.get("contentType") or content_type)
        made = self._write(bucket, str(resource["name"]), body, kind, metadata, query)
        return json_response(shown(made, self._host))

    def _write(
        self, bucket: str, name: str, body: bytes, content_type: str, metadata: dict[str, str], query: dict[str, str]
    ) -> Stored:
        held = self._storage.bucket(bucket)
        before = self._store.find(bucket, name)
        self._check_generation(before, query)
        if before is not None:
            self._require("storage.objects.delete", bucket, name)
            self._retained(held, before)
        self._key_usable(held, "useToEncrypt")
        return self._store.put(bucket, name, body, content_type, metadata)


def _stated_crc(header: str) -> str:
    return next((part.partition("=")[2] for part in header.split(",") if part.strip().startswith("crc32c=")), "")
