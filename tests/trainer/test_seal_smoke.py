from trainer.backends import Backends
from trainer.formats.manifest import open_manifest
from trainer.ingest.seal import seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.sources.open import SourceSpec


def test_cloud(cloud: Backends) -> None:
    spec = SealSpec(
        tenant="acme",
        data_set="wdbc",
        version="1",
        source=SourceSpec(kind="bundled", name="breast-cancer"),
        url="s3://bh-acme-data",
        classes={"target": "restricted"},
    )
    result = seal_data_set(spec, cloud)
    st = cloud.open_store("s3://bh-acme-data/wdbc/1")
    m = open_manifest(st.get("manifest.json"), (result.signer,), "acme", "wdbc", "1", "m")
    assert m.rows == 569 and len(m.groups) == 31
    assert [r.kind for r in cloud.log.read("data.wdbc")] == ["key-wrap", "key-wrap", "data-publish", "data-published"]
