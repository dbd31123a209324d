"""The vendors' roots, pinned by fingerprint; the certificates themselves travel with the evidence.

Each pin is the SHA-256 of the DER certificate, except Intel's, which is of the public key: Intel has issued its root
twice for one key. Where each was read and compared is in docs/attestation.md, "Roots".
"""

from __future__ import annotations

from attestation.certificates import Roots

AWS_NITRO = Roots(frozenset({"641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"}))
"""CN=aws.nitro-enclaves, `AWS_NitroEnclaves_Root-G1`; signs NitroTPM documents too."""

AMD_ARK = {
    "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd": "Milan",
    "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1": "Genoa",
    "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a": "Turin",
}
"""AMD root keys (ARK) by product line; Bergamo and Siena processors chain to Genoa's."""
AMD = Roots(frozenset(AMD_ARK))

INTEL_SGX = Roots(key_fingerprints=frozenset({"a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e"}))
"""CN=Intel SGX Root CA, by public key."""

NVIDIA_DEVICE = Roots(frozenset({"102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48"}))
"""CN=NVIDIA Device Identity CA."""

NVIDIA_RIM = Roots(frozenset({"12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1"}))
"""CN=NVIDIA CoRIM signing Root CA: signs reference integrity manifests."""

GCP_EK_AK = Roots(
    frozenset(
        {
            "594759594b9b61524f6c8ef668f7177f7b9066bc0674f2f49fe9e052be78beb2",
            "9bd5285f8fb18502a7947e621ffd470266f49fcd3b73e19a190f690ad32a7caf",
        }
    )
)
"""CN=EK/AK CA Root, Google Cloud: signs the AK certificates of shielded and confidential machines; and the root of
those made before 2022, CN=tpm_ek_v1_cloud_host_root-signer-0."""
