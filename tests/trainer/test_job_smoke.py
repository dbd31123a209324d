from sklearn.datasets import load_breast_cancer

from trainer import agent
from trainer.backends import Backends
from trainer.export.model import load_model
from trainer.ingest.seal import seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.job import *
from trainer.sources.open import SourceSpec


def test_cloud(cloud: Backends) -> None:
    spec = SealSpec(
        tenant="acme",
        data_set="wdbc",
        version="1",
        source=SourceSpec(kind="bundled", name="breast-cancer"),
        url="s3://bh-acme-data",
        classes={"target": "restricted"},
        shard_bytes=20000,
    )
    result = seal_data_set(spec, cloud)
    cols = (*map(str, load_breast_cancer().feature_names[:10]), "target")
    events = []
    job = JobSpec(
        tenant="acme",
        run="r1",
        data=(DataUse(data_set="wdbc", version="1", url="s3://bh-acme-data", columns=cols),),
        recipe=RecipeSpec(name="tabular"),
        training=TrainingSettings(steps=200),
        sandbox="none",
    )
    r = agent.run(job, cloud, lambda n, v: events.append((n, v)))
    print(events[-5:], r)
    assert r.metrics["accuracy"] > 0.9
    m, w = load_model(cloud, "acme", "r1", "model", "s3://bh-acme-model", "alias/bh/acme/export")
    print(m, [x.kind for x in cloud.log.read("run.r1")])
    r2 = agent.run(job.model_copy(update={"training": TrainingSettings(steps=250)}), cloud)
    print(r2)
    assert r2.resumed_from == 200
