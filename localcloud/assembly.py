"""Puts the parts of one local cloud together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from localcloud import accounts, patches
from localcloud.credentials import Credentials
from localcloud.decisions import DecisionLog
from localcloud.evaluation import Evaluator
from localcloud.gateway import Gateway
from localcloud.host import Host
from localcloud.hypervisor import Hypervisor, root_in
from localcloud.issuing import Issuer, token_in
from localcloud.machines import Machines
from localcloud.networks import Networks
from localcloud.places import Places
from localcloud.recipient import trusted_roots
from localcloud.releases import Releases, ledger_key
from localcloud.state import State


@dataclass
class Cloud:
    """One local cloud, without its sockets."""

    gateway: Gateway
    management: str
    state: State
    administrators: accounts.Administrators
    _listeners: list[Callable[[], None]] = field(default_factory=list)

    def on_change(self, notify: Callable[[], None]) -> None:
        """Call `notify` after each change of the state."""
        self._listeners.append(notify)

    def changed(self, touched: frozenset[str], service: str) -> None:
        """Keep what an operation of `service` may have changed in the accounts `touched`, before the answer is sent."""
        self.state.save(touched, service)
        for notify in self._listeners:
            notify()

    def accounts(self) -> list[accounts.Account]:
        """The accounts with their administrators."""
        with self.gateway.lock:
            return accounts.listed(self.management, self.administrators)

    def save_all(self) -> None:
        """Keep the state of every account."""
        with self.gateway.lock:
            self.state.save_all()


def build(places: Places, management_email: str) -> Cloud:
    """A local cloud with the state found below `places`."""
    patches.apply()
    token = token_in(places.token)
    administrators = accounts.Administrators(token)
    credentials = Credentials(administrators)
    state = State(places, credentials)
    state.load()
    management = accounts.ensure_management(management_email)
    gateway = Gateway(
        Evaluator(), credentials, DecisionLog(places.decisions), Networks(), lambda _touched, _service: None
    )
    cloud = Cloud(gateway, management, state, administrators)
    hypervisor = Hypervisor(root_in(places.attestation, places.attestation_roots))
    gateway.host = Host(Issuer(token, credentials, cloud.accounts), Machines(places.machines), hypervisor)
    gateway.roots = lambda: trusted_roots(places.attestation_roots)
    gateway.releases = Releases(places.ledger, places.release_policies, ledger_key(places.attestation / "ledger.key"))
    gateway.changed = cloud.changed
    state.save(frozenset({management}))
    return cloud
