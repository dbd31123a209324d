"""What stands beside AWS's own API at `/_bulkhead/…`: sessions, machines, their metadata, and attestation.

The control addresses (`sessions`, `machines`) want the token of this local cloud. A machine's own addresses answer only
on the listener of the network that the machine is in, as a link-local address does on EC2.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attestation.errors import AttestationError
from localcloud import issuing
from localcloud.backend import Response
from localcloud.hypervisor import Hypervisor, RefusedError
from localcloud.identity import Session
from localcloud.instance_metadata import InstanceMetadata, text
from localcloud.machines import Machine, Machines, described
from localcloud.message import Door, Message
from localcloud.networks import owner_of

PREFIX = "/_bulkhead/"
_MACHINES = "/_bulkhead/machines"
_ATTESTATION = "/_bulkhead/attestation/"


class Host:
    """Answers every request below `/_bulkhead/`."""

    def __init__(self, issuer: issuing.Issuer, machines: Machines, hypervisor: Hypervisor) -> None:
        self._issuer = issuer
        self._machines = machines
        self._hypervisor = hypervisor
        self._metadata = InstanceMetadata(self._session)

    def answer(self, message: Message, now: datetime) -> Response:
        """The response; what is not an address of ours is 404."""
        path = message.raw_path
        if path == issuing.PATH:
            return self._issuer.answer(message, now)
        if path == _MACHINES:
            return self._register(message, now)
        if path.startswith(_ATTESTATION):
            return self._attest(path.removeprefix(_ATTESTATION), message, now)
        if path.startswith(f"{_MACHINES}/"):
            name, _, rest = path.removeprefix(f"{_MACHINES}/").partition("/")
            machine = self._machines.find(name)
            place = _place(machine, message)
            if machine is None or place is None:
                return text(404, "Not Found")
            return self._metadata.answer(machine, rest, message, place, now)
        return text(404, "Not Found")

    def _session(self, machine: Machine, now: datetime) -> Session:
        return self._issuer.session(machine.account, machine.role, "instance", now, machine.id)

    def _register(self, message: Message, now: datetime) -> Response:
        if not self._issuer.allows(message):
            return _words(403, "the token of this local cloud is missing or wrong")
        asked = _object(message)
        if message.method != "POST" or asked is None or not {"account", "role", "ak_public"} <= set(asked):
            return _words(400, "POST a JSON object with account, role and ak_public")
        account = self._issuer.number(str(asked["account"]))
        if account is None:
            return _words(404, f"there is no account {asked['account']}")
        name = issuing.machine_name()
        try:
            # The role must be one that EC2 may hand to a machine; this is what a launch would find out.
            self._issuer.session(account, str(asked["role"]), "instance", now, name)
            machine = described(name, account, str(asked["role"]), asked["ak_public"], asked.get("ek_certificate"), now)
        except issuing.RefusedError as refusal:
            return _words(refusal.status, str(refusal))
        except AttestationError as error:
            return _words(400, str(error))
        self._machines.add(machine)
        return _json(200, {"machine": machine.id})

    def _attest(self, what: str, message: Message, now: datetime) -> Response:
        asked = _object(message)
        if message.method != "POST" or what not in {"challenge", "document"} or asked is None:
            return _words(404 if asked is not None else 400, "POST a JSON object to …/challenge or …/document")
        machine = self._machines.find(asked.get("machine"))
        if machine is None or _place(machine, message) is None:
            return _words(403, "there is no such machine in this network")
        try:
            if what == "challenge":
                return _json(200, {"nonce": self._hypervisor.challenge(machine, now).hex()})
            document = self._hypervisor.document(machine, asked, now)
        except RefusedError as refusal:
            return _words(403, str(refusal))
        return _json(200, {"document": base64.b64encode(document).decode()})


def _place(machine: Machine | None, message: Message) -> str | None:
    """The region of the network a request came through, where `machine` is in that network."""
    if machine is None or message.listener.door is not Door.NETWORK or message.listener.vpc is None:
        return None
    found = owner_of(message.listener.vpc)
    return found[1] if found is not None and found[0] == machine.account else None


def _object(message: Message) -> Mapping[str, Any] | None:
    try:
        found = json.loads(message.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _words(status: int, message: str) -> Response:
    return _json(status, {"message": message})


def _json(status: int, document: Mapping[str, Any]) -> Response:
    return Response(status, (("content-type", "application/json"),), json.dumps(document).encode())
