"""The API families, one file each, and the list of them all."""

from __future__ import annotations

from compliance.collect.families.audit import AUDIT
from compliance.collect.families.compute import COMPUTE
from compliance.collect.families.governance import BUDGETS, GOVERNANCE
from compliance.collect.families.iam import IAM
from compliance.collect.families.images import IMAGES
from compliance.collect.families.kms import KMS
from compliance.collect.families.messaging import MESSAGING
from compliance.collect.families.network import NETWORK
from compliance.collect.families.organizations import ORGANIZATIONS
from compliance.collect.families.s3 import S3, S3_REGIONAL
from compliance.collect.families.transit import TRANSIT
from compliance.collect.request import Family

FAMILIES: tuple[Family, ...] = (
    ORGANIZATIONS,
    IAM,
    S3,
    S3_REGIONAL,
    KMS,
    NETWORK,
    TRANSIT,
    COMPUTE,
    IMAGES,
    AUDIT,
    MESSAGING,
    GOVERNANCE,
    BUDGETS,
)
