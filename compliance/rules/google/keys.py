"""Cloud KMS: keys in hardware, rotation, separation, and use by attested machines only."""

from __future__ import annotations

from compliance.rules.google.populations import (
    ACCOUNT,
    KEY,
    PROVIDER,
    PUBLIC,
    bindings,
    checked,
    days,
    every,
    named_keys,
    the_tenant,
)
from compliance.rules.google.view import ASSETS, GoogleView
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems

ATTESTED = ("data", "checkpoint", "export")
_DECRYPT = frozenset(
    {
        "roles/cloudkms.cryptoKeyDecrypter",
        "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        "roles/cloudkms.cryptoKeyDecrypterViaDelegation",
        "roles/cloudkms.cryptoOperator",
        "roles/owner",
        "roles/editor",
    }
)
_ADMIN = frozenset({"roles/cloudkms.admin", "roles/owner", "roles/editor", "roles/iam.securityAdmin"})
_DEMANDS = (
    ('assertion.swname == "CONFIDENTIAL_SPACE"', "that it is a Confidential Space"),
    ('assertion.dbgstat == "disabled-since-boot"', "that debugging was off since boot"),
    ("assertion.hwmodel", "the kind of hardware"),
    ("assertion.submods.container.image_digest", "the image"),
    ("assertion.submods.container.env_override", "that no environment variable was overridden"),
    ("assertion.submods.container.cmd_override", "that no command was overridden"),
    ("assertion.google_service_accounts", "the machine's service account"),
)


def _exists(_view: GoogleView, resource: Resource) -> Outcome:
    purpose, asset = resource.data
    return decide(asset is not None, f"the key for {purpose} is there", f"there is no key for {purpose}")


def _hardware(view: GoogleView, resource: Resource) -> Outcome:
    template = resource.data.data.get("versionTemplate") or {}
    answer = view.items(
        "cloudkms:ListCryptoKeyVersions", "cryptoKeyVersions", _account(view, resource), parent=_name(resource)
    )
    weak = [v["name"].rpartition("/")[2] for v in answer if v["state"] == "ENABLED" and v["protectionLevel"] != "HSM"]
    problems = (
        [] if template.get("protectionLevel") == "HSM" else [f"new versions are {template.get('protectionLevel')}"]
    )
    problems += [f"version {number} is not in an HSM" for number in weak]
    return judge_problems(problems, f"{len(answer)} versions, all in an HSM")


def _rotates(view: GoogleView, resource: Resource) -> Outcome:
    data = resource.data.data
    period = data.get("rotationPeriod")
    if not period:
        return failed("automatic rotation is off")
    ceiling = view.google.rotation_ceiling_days
    return decide(
        days(period) <= ceiling,
        f"rotates every {days(period):.0f} days",
        f"rotates every {days(period):.0f} days, at most {ceiling} are allowed",
    )


def _own_material(_view: GoogleView, resource: Resource) -> Outcome:
    data = resource.data.data
    problems = ["its material is imported, so copies exist outside Cloud KMS"] if data.get("importOnly") else []
    if data.get("purpose") != "ENCRYPT_DECRYPT":
        problems.append(f"its purpose is {data.get('purpose')}")
    return judge_problems(problems, "made in Cloud KMS, for encryption")


def _destruction_waits(_view: GoogleView, resource: Resource) -> Outcome:
    waits = days(resource.data.data.get("destroyScheduledDuration", "2592000s"))
    return decide(
        waits >= 7, f"destroyed {waits:.0f} days after the order", f"destroyed after {waits:.1f} days already"
    )


def _users(view: GoogleView, resource: Resource) -> Outcome:
    """Who can open what lies under the tenant's attested keys: only the tenant's pool, by approved image."""
    purpose, asset = resource.data
    if asset is None:
        return failed(f"there is no key for {purpose}")
    own = view.own
    pool = f"principalSet://iam.googleapis.com/projects/{own.key_project_number}/locations/global/workloadIdentityPools/{own.pool}/attribute."
    owner = f"serviceAccount:{own.accounts['data-owner']}"
    problems = []
    for role, member in bindings(view, asset):
        if role not in _DECRYPT or (purpose == "export" and member == owner):
            continue
        digest = next((d for d in own.image_digests if member.endswith(f"/{d}")), None)
        if not member.startswith(pool):
            problems.append(f"{member} may decrypt without attestation")
        elif digest is None:
            problems.append(f"{member} names no image that is accepted")
    return judge_problems(problems, "only attested machines with an accepted image decrypt")


def _separated(view: GoogleView, resource: Resource) -> Outcome:
    roles: dict[str, set[str]] = {}
    for role, member in bindings(view, resource.data):
        roles.setdefault(member, set()).add(role)
    both = [member for member, held in roles.items() if held & _ADMIN and held & _DECRYPT]
    return judge_problems([f"{member} administers and uses it" for member in both], "nobody administers and uses it")


def _above(view: GoogleView, _resource: Resource) -> Outcome:
    """A role that decrypts, granted on a project or ring, opens every key below."""
    found = []
    for name, kind, policy in view.policies():
        if kind in {KEY, ACCOUNT}:
            continue
        for binding in policy.get("bindings", []):
            if binding["role"] in _DECRYPT and binding["role"].startswith("roles/cloudkms."):
                found += [f"{member} has {binding['role']} on {name}" for member in binding["members"]]
    return judge_problems(found, "no grant above the keys opens them")


def _not_public(view: GoogleView, resource: Resource) -> Outcome:
    public = [f"{member} has {role}" for role, member in bindings(view, resource.data) if member in PUBLIC]
    return judge_problems(public, "nobody outside is named")


def _condition(view: GoogleView, resource: Resource) -> Outcome:
    data = resource.data.data
    condition = str(data.get("attributeCondition") or "")
    problems = [f"the condition does not ask for {what}" for text, what in _DEMANDS if text not in condition]
    issuer = (data.get("oidc") or {}).get("issuerUri")
    if issuer != "https://confidentialcomputing.googleapis.com":
        problems.append(f"tokens of {issuer or 'another kind of issuer'} are exchanged")
    if view.own.gpus and 'cc_mode == "ON"' not in condition:
        problems.append("the condition does not ask for the GPU's confidential mode")
    listed = [digest for digest in view.own.image_digests if digest not in condition]
    problems += [f"the accepted image {digest} is not in it" for digest in listed]
    return judge_problems(problems, "only approved, undebugged images on confidential machines get an identity")


def _one_provider(view: GoogleView, _resource: Resource) -> Outcome:
    found = view.assets(PROVIDER)
    wrong = [
        asset.name for asset in found if asset.short != view.own.provider or f"/{view.own.pool}/" not in asset.name
    ]
    return judge_problems([f"{name} is not foreseen" for name in wrong], f"{len(found)} provider")


def _name(resource: Resource) -> str:
    return str(resource.data.data["name"])


def _account(view: GoogleView, resource: Resource) -> str:
    node = next((node for node in resource.data.ancestors if node.startswith("projects/")), "")
    return node.partition("/")[2] or view.account


_KEYS = every(KEY)
RULES = (
    Rule(
        "keys.gcp-exists",
        "Every purpose has its key in Cloud KMS",
        Severity.HIGH,
        About.TENANT,
        "Without a key of its own, data shares a key with other data.",
        "Whether anything is encrypted under it.",
        "Deploy the tenant's vault stack.",
        ("crypto.keys", "crypto.separation"),
        (ASSETS,),
        named_keys,
        checked(_exists),
    ),
    Rule(
        "keys.gcp-hardware",
        "Keys are made and kept in an HSM",
        Severity.HIGH,
        About.BOTH,
        "A key in software can be copied by whoever reaches the service's memory.",
        "The HSM itself.",
        "Set the version template's protection level to HSM and make a new version.",
        ("crypto.keys",),
        (ASSETS, "cloudkms:ListCryptoKeyVersions"),
        _KEYS,
        checked(_hardware),
    ),
    Rule(
        "keys.gcp-rotation",
        "Keys rotate by themselves",
        Severity.MEDIUM,
        About.BOTH,
        "A key that is never replaced gives away everything at once.",
        "Whether data was re-wrapped since.",
        "Set `key_rotation_days` in the tenant file and deploy.",
        ("crypto.keys",),
        (ASSETS,),
        _KEYS,
        checked(_rotates),
    ),
    Rule(
        "keys.gcp-material",
        "Key material is made in Cloud KMS",
        Severity.MEDIUM,
        About.BOTH,
        "Imported material exists somewhere else too.",
        "External key managers.",
        "Make a key without `import_only`.",
        ("crypto.keys",),
        (ASSETS,),
        _KEYS,
        checked(_own_material),
    ),
    Rule(
        "keys.gcp-destruction",
        "Destroying a key version takes a week at least",
        Severity.MEDIUM,
        About.BOTH,
        "A mistake or an attack destroys everything at once.",
        "Who may order it.",
        "Set `destroy_scheduled_duration` to 30 days.",
        ("data.integrity",),
        (ASSETS,),
        _KEYS,
        checked(_destruction_waits),
    ),
    Rule(
        "keys.gcp-attested",
        "Only attested machines with an accepted image decrypt",
        Severity.CRITICAL,
        About.TENANT,
        "Whoever else decrypts reads the tenant's data outside the measured image.",
        "Roles inherited from above; `keys.gcp-inherited` looks there.",
        "Remove the binding; deploy the vault stack, which sets each key's whole policy.",
        ("attestation.key-release", "access.least-privilege"),
        (ASSETS,),
        lambda view: (r for r in named_keys(view) if r.data[0] in ATTESTED),
        checked(_users),
    ),
    Rule(
        "keys.gcp-separation",
        "Whoever administers a key does not use it",
        Severity.HIGH,
        About.BOTH,
        "An administrator could give himself the data.",
        "Roles inherited from above.",
        "Grant administration and use to different principals.",
        ("access.separation-of-duties", "crypto.separation"),
        (ASSETS,),
        _KEYS,
        checked(_separated),
    ),
    Rule(
        "keys.gcp-inherited",
        "No grant above the keys opens them",
        Severity.CRITICAL,
        About.TENANT,
        "A role on the project opens every key in it, whatever each key's policy says.",
        "Roles on folders and the organisation; the proof sees those.",
        "Remove the binding from the project or key ring.",
        ("attestation.key-release",),
        (ASSETS,),
        the_tenant,
        checked(_above),
    ),
    Rule(
        "keys.gcp-public",
        "No key names everybody",
        Severity.CRITICAL,
        About.BOTH,
        "Anybody with a Google account could use the key.",
        "Groups that anybody may join.",
        "Remove allUsers and allAuthenticatedUsers.",
        ("isolation.resource",),
        (ASSETS,),
        _KEYS,
        checked(_not_public),
    ),
    Rule(
        "keys.gcp-release",
        "The release condition demands everything that makes a machine trustworthy",
        Severity.CRITICAL,
        About.TENANT,
        "A debugged, changed or foreign machine would get the tenant's keys.",
        "The condition is read as text: `keys.gcp-attested` and the proof judge what it lets through.",
        "Deploy the vault stack: the condition is compiled from the release policy.",
        ("attestation.key-release", "attestation.boot"),
        (ASSETS,),
        every(PROVIDER),
        checked(_condition),
        failed("there is no workload identity provider: no machine can prove itself"),
    ),
    Rule(
        "keys.gcp-federation",
        "No other identity provider is trusted",
        Severity.CRITICAL,
        About.TENANT,
        "A provider for GitHub, AWS or another cloud lets strangers become principals of the tenant.",
        "Workforce pools of the organisation.",
        "Delete the provider.",
        ("isolation.identity",),
        (ASSETS,),
        the_tenant,
        checked(_one_provider),
    ),
)
