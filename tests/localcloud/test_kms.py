"""KMS: the key policy is the root of trust, aliases are not identity, grants have limits."""

from __future__ import annotations

from tests.localcloud.test_gateway import allow, deny, document, refused
from tests.localcloud.test_s3 import user


def key_policy(account: str, *more: dict) -> str:
    root = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    return document(root, *more)


def test_decryption_is_decided_on_the_key_that_encrypted(rig):
    kms = rig.client("kms")
    secret, open_key = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    blob = kms.encrypt(KeyId=secret, Plaintext=b"x")["CiphertextBlob"]
    limited = rig.client("kms", credentials=user(rig, allow("kms:Decrypt", open_key)))
    code, message = refused(limited.decrypt, CiphertextBlob=blob)
    assert (code, secret in message) == ("AccessDeniedException", True)
    # The key that is named decides, and no other is used: naming another key does not help.
    assert refused(limited.decrypt, CiphertextBlob=blob, KeyId=secret)[0] == "AccessDeniedException"
    assert refused(limited.decrypt, CiphertextBlob=blob, KeyId=open_key)[0] == "IncorrectKeyException"
    other = kms.encrypt(KeyId=open_key, Plaintext=b"y")["CiphertextBlob"]
    assert limited.decrypt(CiphertextBlob=other)["Plaintext"] == b"y"


def test_an_alias_stands_for_its_key(rig):
    kms = rig.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key)
    limited = rig.client("kms", credentials=user(rig, allow("kms:Encrypt", key)))
    assert limited.encrypt(KeyId="alias/mine", Plaintext=b"x")["KeyId"] == key
    other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.update_alias(AliasName="alias/mine", TargetKeyId=other)
    assert refused(limited.encrypt, KeyId="alias/mine", Plaintext=b"x")[0] == "AccessDeniedException"


def test_an_encryption_context_can_be_demanded(rig):
    kms = rig.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    condition = {"StringEquals": {"kms:EncryptionContext:tenant": "acme"}}
    limited = rig.client("kms", credentials=user(rig, allow("kms:GenerateDataKey", key, Condition=condition)))
    limited.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"tenant": "acme"})
    wrong = {"tenant": "globex"}
    assert refused(limited.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext=wrong)[0]
    assert refused(limited.generate_data_key, KeyId=key, KeySpec="AES_256")[0] == "AccessDeniedException"


def test_another_accounts_key_needs_both_sides(rig, tenants):
    theirs = rig.client("kms", "globex")
    key = theirs.create_key()["KeyMetadata"]["Arn"]
    blob = theirs.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    mine = rig.client("kms", "acme")
    assert refused(mine.decrypt, CiphertextBlob=blob, KeyId=key)[0] == "AccessDeniedException"
    assert refused(mine.describe_key, KeyId=key)[0] == "AccessDeniedException"
    guest = {**allow("kms:Decrypt"), "Principal": {"AWS": f"arn:aws:iam::{tenants['acme']}:root"}}
    theirs.put_key_policy(KeyId=key, PolicyName="default", Policy=key_policy(tenants["globex"], guest))
    assert mine.decrypt(CiphertextBlob=blob, KeyId=key)["Plaintext"] == b"secret"
    assert refused(
        mine.create_grant, KeyId=key, GranteePrincipal=f"arn:aws:iam::{tenants['acme']}:root", Operations=["Decrypt"]
    )


def test_a_key_of_one_account_opens_no_ciphertext_of_anothers(rig, tenants):
    mine, theirs = rig.client("kms", "acme"), rig.client("kms", "globex")
    my_key, their_key = (client.create_key()["KeyMetadata"]["Arn"] for client in (mine, theirs))
    my_blob = mine.encrypt(KeyId=my_key, Plaintext=b"mine")["CiphertextBlob"]
    their_blob = theirs.encrypt(KeyId=their_key, Plaintext=b"theirs")["CiphertextBlob"]
    mine.create_alias(AliasName="alias/data", TargetKeyId=my_key)
    for name in (my_key, my_key.rpartition("/")[2], "alias/data"):
        assert refused(mine.decrypt, CiphertextBlob=their_blob, KeyId=name)[0] == "IncorrectKeyException"
        assert mine.decrypt(CiphertextBlob=my_blob, KeyId=name)["Plaintext"] == b"mine"
    assert refused(mine.decrypt, CiphertextBlob=my_blob, KeyId=their_key)[0] == "AccessDeniedException"
    assert refused(mine.decrypt, CiphertextBlob=their_blob)[0] == "AccessDeniedException"
    again = {"DestinationKeyId": my_key}
    assert refused(mine.re_encrypt, CiphertextBlob=their_blob, **again)[0] == "AccessDeniedException"
    assert refused(mine.re_encrypt, CiphertextBlob=their_blob, SourceKeyId=my_key, **again)[0] == (
        "IncorrectKeyException"
    )
    assert refused(mine.re_encrypt, CiphertextBlob=my_blob, SourceKeyId=their_key, **again)[0] == (
        "AccessDeniedException"
    )
    assert mine.re_encrypt(CiphertextBlob=my_blob, SourceKeyId=my_key, **again)["KeyId"] == my_key
    # Bytes that no key made are invalid, whichever key is named.
    assert refused(mine.decrypt, CiphertextBlob=b"x" * 64, KeyId=my_key)[0] == "InvalidCiphertextException"


def test_a_grant_opens_its_operations_within_its_constraints(rig, tenants):
    theirs = rig.client("kms", "globex")
    key = theirs.create_key()["KeyMetadata"]["Arn"]
    arn = f"arn:aws:iam::{tenants['acme']}:role/OrganizationAccountAccessRole"
    grant = theirs.create_grant(
        KeyId=key,
        GranteePrincipal=arn,
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"tenant": "acme"}},
    )
    context = {"tenant": "acme"}
    blob = theirs.encrypt(KeyId=key, Plaintext=b"s", EncryptionContext=context)["CiphertextBlob"]
    mine = rig.client("kms", "acme")
    assert mine.decrypt(CiphertextBlob=blob, EncryptionContext=context, KeyId=key)["Plaintext"] == b"s"
    other = theirs.encrypt(KeyId=key, Plaintext=b"s", EncryptionContext={"tenant": "globex"})["CiphertextBlob"]
    assert refused(mine.decrypt, CiphertextBlob=other, EncryptionContext={"tenant": "globex"}, KeyId=key)
    assert refused(mine.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)[0] == "AccessDeniedException"
    theirs.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    assert (
        refused(mine.decrypt, CiphertextBlob=blob, EncryptionContext=context, KeyId=key)[0] == "AccessDeniedException"
    )


def test_reencryption_needs_both_keys(rig):
    kms = rig.client("kms")
    first, second = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    blob = kms.encrypt(KeyId=first, Plaintext=b"x")["CiphertextBlob"]
    half = rig.client("kms", credentials=user(rig, allow("kms:ReEncrypt*", second), name="half"))
    code, message = refused(half.re_encrypt, CiphertextBlob=blob, DestinationKeyId=second)
    assert (code, "kms:ReEncryptFrom" in message) == ("AccessDeniedException", True)
    both = rig.client("kms", credentials=user(rig, allow("kms:ReEncrypt*", [first, second]), name="both"))
    assert both.re_encrypt(CiphertextBlob=blob, DestinationKeyId=second)["KeyId"] == second


def test_a_key_policy_without_the_account_leaves_nobody_but_whom_it_names(rig):
    account = rig.id("management")
    only = user(rig, allow("sts:GetCallerIdentity"), name="only")
    named = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{account}:user/only"}}
    key = rig.client("kms").create_key(Policy=document(named), BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"][
        "Arn"
    ]
    assert refused(rig.client("kms").describe_key, KeyId=key)[0] == "AccessDeniedException"
    assert rig.client("kms", credentials=only).describe_key(KeyId=key)["KeyMetadata"]["Arn"] == key


def test_making_a_grant_can_be_left_to_services(rig):
    account = rig.id("management")
    condition = {"Bool": {"kms:GrantIsForAWSResource": "false"}}
    block = {**deny("kms:CreateGrant"), "Principal": "*", "Condition": condition}
    key = rig.client("kms").create_key(Policy=key_policy(account, block))["KeyMetadata"]["Arn"]
    grantee = f"arn:aws:iam::{account}:user/administrator"
    code, _ = refused(rig.client("kms").create_grant, KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"])
    assert code == "AccessDeniedException"


def test_a_symmetric_key_cannot_sign(rig):
    key = rig.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert refused(rig.client("kms").get_public_key, KeyId=key)[0] == "UnsupportedOperationException"
    asymmetric = rig.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    assert rig.client("kms").get_public_key(KeyId=asymmetric)["PublicKey"]


def test_the_rotation_period_is_kept(rig):
    kms = rig.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 180
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    kms.disable_key_rotation(KeyId=key)
    assert "RotationPeriodInDays" not in kms.get_key_rotation_status(KeyId=key)
