"""The comparison's own side on a moto server, its leaks one by one, and when a scanner counts as having found one."""

import http.client
import os
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from benchmarks.scanners import cloud, ours, terraform
from benchmarks.scanners.comparison import PATHS
from benchmarks.scanners.measure import run
from benchmarks.scanners.tenants import Tenant
from benchmarks.scanners.tools import ScannerError, read_ocsf
from benchmarks.scanners.verdict import Finding, judge

VICTIM, ATTACKER, OTHER = TENANTS = [Tenant(number) for number in range(3)]


@pytest.fixture(scope="module")
def proved(tmp_path_factory):
    """Our document for the clean state and after each leak, on one server; each leak stays when the next is planted."""
    documents, leaking = {}, {}
    with cloud.moto_server() as endpoint:
        placed = cloud.deploy(endpoint, TENANTS)

        def look(name):
            folder = tmp_path_factory.mktemp("bundle") / "facts"
            documents[name] = ours.document(ours.proofs_of(endpoint, TENANTS, folder))

        look("clean")
        leaking["V1 data"] = cloud.plant_data(endpoint, VICTIM, ATTACKER)
        look("V1 data")
        leaking["V2 key"] = cloud.plant_key(endpoint, placed[VICTIM.id], ATTACKER)
        look("V2 key")
        ends = [(tenant, placed[tenant.id]) for tenant in (VICTIM, ATTACKER)]
        leaking["V3 network"] = cloud.plant_network(endpoint, *ends)
        look("V3 network")
        cloud.plant_public(endpoint, OTHER)
        look("control")
    return documents, leaking


def signing(service):
    scope = f"a/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


@pytest.mark.e2e
def test_the_server_answers_many_requests_over_one_connection_and_says_what_it_lacks():
    with cloud.moto_server() as endpoint:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
        connection.connect()
        there = connection.sock
        for _ in range(3):
            connection.request("GET", "/no-such-bucket?policy", headers=signing("s3"))
            answer = connection.getresponse()
            assert (answer.status, b"NoSuchBucket" in answer.read()) == (404, True)
            assert connection.sock is there
        query = "Action=DescribeNetworkInsightsPaths&Version=2016-11-15"
        connection.request("POST", "/", query, signing("ec2") | {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        assert (answer.status, b"<Code>NotImplemented</Code>" in answer.read()) == (501, True)
        connection.close()


def test_a_measured_program_keeps_its_bytecode(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert run([sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"]).output == "False\n"
    assert os.environ["PYTHONDONTWRITEBYTECODE"] == "1"


def violated(document):
    return {(a["from"], a["to"], a["path"]) for a in document["alarms"] if a["verdict"] == "violated"}


@pytest.mark.e2e
def test_clean_state_raises_no_alarm(proved):
    clean = proved[0]["clean"]
    assert clean["alarms"] == []
    assert clean["outside"] == []
    assert clean["unread"] == []
    assert clean["verdicts"]["proved"] == 3 * 2 * 7
    assert clean["considered"]["bucket"] == clean["considered"]["key"] == clean["considered"]["role"] == len(TENANTS)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("leak", "before", "opened"),
    [
        ("V1 data", "clean", {("t001", "t000", "data")}),
        ("V2 key", "V1 data", {("t001", "t000", "key")}),
        ("V3 network", "V2 key", {("t001", "t000", "network"), ("t000", "t001", "network")}),
        ("control", "V3 network", {("t000", "t002", "data"), ("t001", "t002", "data")}),
    ],
)
def test_each_leak_opens_its_path_and_no_other(proved, leak, before, opened):
    documents, leaking = proved
    assert violated(documents[leak]) - violated(documents[before]) == opened
    assert len(documents[leak]["alarms"]) == len(violated(documents[leak]))
    if leak in leaking:
        pair = ("t001", "t000", PATHS[leak])
        alarm = next(a for a in documents[leak]["alarms"] if (a["from"], a["to"], a["path"]) == pair)
        assert any(resource in alarm["resource"] for resource in leaking[leak])
        assert alarm["witness"]


@pytest.mark.e2e
def test_the_witness_names_who_gets_in(proved):
    alarms = {a["path"]: a for a in proved[0]["V3 network"]["alarms"] if a["from"] == "t001"}
    for path, action in (("data", "s3:GetObject"), ("key", "kms:Decrypt")):
        last = alarms[path]["witness"]["steps"][-1]
        assert last["action"] == action
        assert f"/{ATTACKER.role}/" in last["as"]
    kinds = [hop["kind"] for hop in alarms["network"]["witness"]["packet"]["hops"]]
    assert "peering connection" in kinds


def test_terraform_says_the_same_of_the_leaks():
    made = terraform.clean(TENANTS)
    assert "t001" not in made["aws_s3_bucket_policy"]["t000_bucket_policy"]["policy"]
    names = [
        *terraform.plant_data(made, VICTIM, ATTACKER),
        *terraform.plant_key(made, VICTIM, ATTACKER),
        *terraform.plant_network(made, VICTIM, ATTACKER),
    ]
    assert ATTACKER.role_arn in made["aws_s3_bucket_policy"]["t000_bucket_policy"]["policy"]
    assert made["aws_kms_grant"]["t000_grant"]["grantee_principal"] == ATTACKER.role_arn
    assert {route["destination_cidr_block"] for route in made["aws_route"].values()} == {"10.0.1.0/24", "10.1.1.0/24"}
    assert set(names) <= {name for named in made.values() for name in named}


NEW = Finding("s3-cross-account", "another account may read", ("bucket-a",))


@pytest.mark.parametrize(
    ("clean", "leaking", "found"),
    [
        ([], [NEW], True),
        ([NEW], [NEW], False),
        ([NEW], [replace(NEW, text="another account may write too")], True),
        ([], [Finding("s3-cross-account", "another account may read", ("bucket-ab",))], False),
        ([], [Finding("s3-versioning", "versioning is off", ("bucket-a",))], False),
        ([], [], False),
    ],
    ids=[
        "new",
        "also of the clean state",
        "says more than of the clean state",
        "names another",
        "not about access",
        "nothing",
    ],
)
def test_when_a_leak_counts_as_found(clean, leaking, found):
    assert judge(["bucket-a"], clean, leaking)["found"] is found


def test_a_pass_about_what_leaks_is_shown():
    assert judge(["bucket-a"], [], [], [NEW])["passed_about_access"] == ["s3-cross-account"]


def line(status):
    return {
        "status_code": status,
        "status_detail": "detail",
        "metadata": {"event_code": "check"},
        "resources": [{"uid": "arn:aws:s3:::a", "name": "a"}],
    }


def test_prowlers_report_is_read():
    failed, passed, statuses = read_ocsf([line("FAIL"), line("PASS"), line("PASS"), line("MANUAL")])
    assert failed == (Finding("check", "detail", ("arn:aws:s3:::a", "a")),)
    assert len(passed) == 2
    assert statuses == {"FAIL": 1, "PASS": 2, "MANUAL": 1}


def test_an_empty_report_is_no_clean_bill():
    with pytest.raises(ScannerError, match="looked at nothing"):
        read_ocsf([])
