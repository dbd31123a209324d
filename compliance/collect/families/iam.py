"""IAM: everything about principals in one paged call, the credential report, and the identity providers.

`ListRoles` is a second listing of what `GetAccountAuthorizationDetails` lists: the two are reconciled.
"""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where, absent


def _start(_place: Place) -> Iterator[Request]:
    yield Request("sts:GetCallerIdentity", expects=("Arn",))
    yield Request(
        "iam:GetAccountAuthorizationDetails",
        expects=("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"),
    )
    yield Request("iam:ListRoles", expects=("Roles",))
    yield Request("iam:GetAccountSummary", expects=("SummaryMap",))
    yield Request("iam:GetAccountPasswordPolicy", absent=absent("NoSuchEntity"), expects=("PasswordPolicy",))
    yield Request(
        "iam:GenerateCredentialReport",
        expects=("State",),
        until=lambda answer: answer.get("State") == "COMPLETE",
        then=_report,
    )
    yield Request("iam:ListOpenIDConnectProviders", expects=("OpenIDConnectProviderList",), then=_oidc)
    yield Request("iam:ListSAMLProviders", expects=("SAMLProviderList",), then=_saml)


def _report(_answer: Answer, _place: Place) -> Iterator[Request]:
    yield Request("iam:GetCredentialReport", expects=("Content",))


def _oidc(answer: Answer, _place: Place) -> Iterator[Request]:
    for provider in answer["OpenIDConnectProviderList"]:
        yield Request("iam:GetOpenIDConnectProvider", {"OpenIDConnectProviderArn": provider["Arn"]}, expects=("Url",))


def _saml(answer: Answer, _place: Place) -> Iterator[Request]:
    for provider in answer["SAMLProviderList"]:
        yield Request("iam:GetSAMLProvider", {"SAMLProviderArn": provider["Arn"]})


IAM = Family("iam", Where.ACCOUNT, _start)
