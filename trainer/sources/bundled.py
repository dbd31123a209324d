"""Real data sets that scikit-learn ships: no download, known to everybody."""

from __future__ import annotations

import numpy as np

from trainer.errors import Reason, TrainerError
from trainer.sources.batches import ArraySource


def load_bundled(name: str) -> ArraySource:
    """`breast-cancer` (569 rows, 30 float features), `wine` (178 rows, 13) or `digits` (1,797 rows, `image` 8x8).

    Each has the label as `target`.
    """
    from sklearn import datasets  # noqa: PLC0415 - takes seconds to import

    if name == "breast-cancer":
        cancer = datasets.load_breast_cancer()
        columns = {str(f): cancer.data[:, i].astype("<f4") for i, f in enumerate(cancer.feature_names)}
        columns["target"] = cancer.target.astype("<i8")
        return ArraySource(columns, "scikit-learn: Breast Cancer Wisconsin (Diagnostic)")
    if name == "digits":
        digits = datasets.load_digits()
        image = (digits.images / 16.0).astype("<f4")
        return ArraySource(
            {"image": np.ascontiguousarray(image), "target": digits.target.astype("<i8")}, "scikit-learn: digits"
        )
    if name == "wine":
        wine = datasets.load_wine()
        columns = {str(f): wine.data[:, i].astype("<f4") for i, f in enumerate(wine.feature_names)}
        return ArraySource(columns | {"target": wine.target.astype("<i8")}, "scikit-learn: Wine recognition")
    raise TrainerError(Reason.BAD_SOURCE, f"no bundled data set {name!r}; there are breast-cancer, wine and digits")
