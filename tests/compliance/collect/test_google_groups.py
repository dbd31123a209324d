"""Members of groups: which are asked for, what is recorded, and what the proof makes of them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from google.auth.credentials import AnonymousCredentials

from compliance.collect.google.scan import GooglePlan, collect
from compliance.estate.from_facts import estate_of_facts
from compliance.estate.model import PATHS
from compliance.facts.fact import Status
from compliance.prove.engine import prove
from tests.leaks.google_clean import DOMAIN, GoogleState
from tests.leaks.google_planted import READER, A, B

OWN = f"bh-{B}-data-owners@{DOMAIN}"
LEAD, GUESTS = f"bh-{B}-leads@{DOMAIN}", f"guests@{DOMAIN}"


def member(email: str, kind: str = "USER") -> dict[str, Any]:
    return {"name": "groups/x/memberships/y", "preferredMemberKey": {"id": email}, "type": kind}


class Directory:
    """Answers Cloud Identity from `groups` (by address, pages of members), and the inventory from a state.

    `refused` are addresses and names of groups that may not be read.
    """

    def __init__(self, state: GoogleState, groups: dict[str, list[list[dict[str, Any]]]]) -> None:
        self.state, self.groups, self.refused = state, groups, set()
        self.asked: Counter[str] = Counter()
        directory = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = directory.answer(self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(60)
        self.server.server_close()

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        url = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        refused = 403, {"error": {"status": "PERMISSION_DENIED", "message": "Error(2028)"}}
        names = {f"groups/{number}": email for number, email in enumerate(sorted(self.groups))}
        if url.path == "/v1/groups:lookup":
            email = query["groupKey.id"]
            self.asked[email] += 1
            found = next((name for name, held in names.items() if held == email), None)
            return (200, {"name": found}) if found and email not in self.refused else refused
        if url.path.startswith("/v1/groups/"):
            email = names[url.path.removeprefix("/v1/").removesuffix("/memberships")]
            assert query["view"] == "FULL"
            page = int(query.get("pageToken", "0"))
            if (email, page) in self.refused:
                return refused
            pages = self.groups[email]
            more = {"nextPageToken": str(page + 1)} if page + 1 < len(pages) else {}
            return 200, {"memberships": pages[page], **more}
        if url.path.endswith("/assets") and query["contentType"] == "IAM_POLICY":
            node = url.path.removeprefix("/v1/").removesuffix("/assets")
            wanted = parse_qs(url.query).get("assetTypes")
            inside = [a for n, a in self.state.assets.items() if node in a["ancestors"] and n in self.state.policies]
            inside = [a for a in inside if wanted is None or a["assetType"] in wanted]
            return 200, {"assets": [{**a, "iamPolicy": self.state.policies[a["name"]]} for a in inside]}
        return 200, {}


@pytest.fixture
def state():
    return GoogleState(locks=False)


@pytest.fixture
def asked(request):
    """Collects what a directory answers; the facts about groups."""

    def run(state: GoogleState, groups: dict[str, list[list[dict[str, Any]]]], refused: tuple[Any, ...] = ()):
        directory = Directory(state, groups)
        request.addfinalizer(directory.close)
        directory.refused.update(refused)
        plan = GooglePlan(
            state.scope().google, AnonymousCredentials(), "test", endpoint=directory.endpoint, pause=lambda _: None
        )
        found: list[Any] = []
        collect(plan, found.append)
        return directory, [fact for fact in found if fact.api.startswith("cloudidentity:")]

    return run


def proved(state, facts, **others):
    proofs = prove(estate_of_facts([*state.facts(), *facts], state.scope()))
    return proofs if others else {path: proofs.verdict(A, B, path) for path in PATHS}


EMPTY = {f"bh-{tenant}-data-owners@{DOMAIN}": [[]] for tenant in (A, B)}


def test_groups_of_the_own_domain_that_policies_name_are_asked_for_once_in_each_project(asked, state):
    state.grant(state.bucket(B), READER, "group:people@elsewhere.example", f"group:{GUESTS.upper()}")
    state.grant(state.bucket(B, "model"), READER, f"group:{GUESTS}")
    directory, facts = asked(state, {**EMPTY, GUESTS: [[member("ada@bulkhead.example")]]})
    assert set(directory.asked) >= {OWN, GUESTS}
    assert "people@elsewhere.example" not in directory.asked
    assert directory.asked[GUESTS] == 1
    listed = [f for f in facts if f.api == "cloudidentity:ListMemberships" and f.params["group"] == GUESTS]
    assert [f.account for f in listed] == [state.numbers(B)[0]]
    assert listed[0].response["memberships"][0]["preferredMemberKey"]["id"] == "ada@bulkhead.example"


def test_groups_inside_groups_are_followed_and_a_circle_ends(asked, state):
    state.grant(state.bucket(B), READER, f"group:{GUESTS}")
    circle = {GUESTS: [[member(LEAD, "GROUP")]], LEAD: [[member(GUESTS, "GROUP")]]}
    directory, facts = asked(state, {**EMPTY, **circle})
    assert {directory.asked[GUESTS], directory.asked[LEAD]} == {1}
    assert {f.params["group"] for f in facts if f.api.endswith("Memberships")} >= {GUESTS, LEAD}
    assert set(proved(state, facts).values()) == {"proved"}


def test_an_attacker_on_the_second_page_of_a_group_inside_a_group_is_found(asked, state):
    spy = member(state.account(A), "SERVICE_ACCOUNT")
    state.grant(state.bucket(B), READER, f"group:{GUESTS}")
    pages = [[], [spy]]
    _, facts = asked(state, {**EMPTY, GUESTS: [[member(LEAD, "GROUP")]], LEAD: pages})
    verdicts = proved(state, facts)
    assert verdicts["data"] == "violated"
    without = [f for f in facts if f.params.get("pageToken") is None]
    assert proved(state, without)["data"] == "proved"


def test_a_leak_through_the_victims_own_group_shows_only_once_its_members_are_read(asked, state):
    own = {**EMPTY, OWN: [[member(state.account(A), "SERVICE_ACCOUNT")]]}
    _, facts = asked(state, own)
    assert proved(state, [])["role"] == "proved"
    assert proved(state, facts)["role"] == "violated"


@pytest.mark.parametrize("refused", [OWN, (OWN, 0), (OWN, 1)], ids=["lookup", "first page", "second page"])
def test_a_group_that_may_not_be_read_leaves_its_tenant_open_and_no_other(asked, state, refused):
    _, facts = asked(state, {**EMPTY, OWN: [[], []]}, (refused,))
    assert {fact.status for fact in facts} == {Status.OK, Status.DENIED}
    proofs = proved(state, facts, whole=True)
    assert {proofs.verdict(A, B, path) for path in PATHS} == {"indeterminate"}
    assert {proofs.verdict(B, A, path) for path in PATHS} == {"proved"}
    assert "Groups Reader" in json.dumps([f.reasons for f in proofs.found(A, B, "data")])
