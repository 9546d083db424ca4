"""Writes figures.json: what scikit-learn and torchmetrics say about made-up features, for reference_tests.rs.

    python -m venv venv && venv/bin/pip install scikit-learn torch torchmetrics && venv/bin/python make.py

Versions are recorded in the file. Logistic regression is scikit-learn's with C = 1 / penalty, solved to 1e-10; k-means is the
best of 200 starts; recall at k is torchmetrics' hit rate.
"""

import json
import pathlib

import numpy as np
import sklearn
import torch
import torchmetrics
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, log_loss, normalized_mutual_info_score
from torchmetrics.retrieval import RetrievalHitRate, RetrievalMAP


def rounded(values, digits=6):
    return [float(f"{v:.{digits}g}") for v in np.asarray(values, dtype=np.float64).ravel()]


def features(rng, centres, labels, spread):
    values = centres[labels] + spread * rng.standard_normal((len(labels), centres.shape[1]))
    return np.array(rounded(values, 6), dtype=np.float32).reshape(values.shape)


def agreement(rng):
    cases = []
    for n, a, b in [(50, 4, 3), (200, 10, 10), (30, 1, 5), (12, 12, 3)]:
        first, second = rng.integers(0, a, n), rng.integers(0, b, n)
        if n == 200:
            second = np.where(rng.random(n) < 0.7, first, second)
        if n == 12:
            first = np.arange(12)
        cases.append({
            "first": first.tolist(), "second": second.tolist(),
            "nmi": normalized_mutual_info_score(first, second), "ari": adjusted_rand_score(first, second),
        })
    return cases


def retrieval(gallery, gallery_labels, queries, query_labels):
    unit = lambda x: torch.nn.functional.normalize(torch.tensor(x, dtype=torch.float64), dim=1)
    similarity = unit(queries) @ unit(gallery).T
    target = torch.tensor(query_labels)[:, None] == torch.tensor(gallery_labels)[None, :]
    similarity = similarity + 2  # torchmetrics takes what is scored 0 or less for irrelevant
    index = torch.arange(len(queries))[:, None].expand_as(target)
    say = lambda metric: metric(similarity.flatten(), target.flatten(), indexes=index.flatten()).item()
    return {"map": say(RetrievalMAP()), "recall": [say(RetrievalHitRate(top_k=k)) for k in (1, 5, 10)]}


def logistic(train, labels, val, penalty):
    mean, spread = train.astype(np.float64).mean(0), train.astype(np.float64).std(0)
    scale = lambda x: (x - mean) / spread
    model = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=100_000).fit(scale(train), labels)
    chances = model.predict_proba(scale(train))
    loss = log_loss(labels, chances, normalize=False) + penalty / 2 * (model.coef_**2).sum()
    return {"penalty": penalty, "objective": loss, "predicted": model.predict(scale(val)).tolist()}


def main():
    rng = np.random.default_rng(20261123)
    centres = rng.standard_normal((5, 6))
    labels, asked = np.arange(90) % 5, np.arange(45) % 5
    train, val = features(rng, centres, labels, 0.8), features(rng, centres, asked, 0.8)
    unit = train / np.linalg.norm(train.astype(np.float64), axis=1, keepdims=True)
    tightest = KMeans(5, n_init=200, random_state=0, tol=1e-12).fit(unit)
    document = {
        "versions": {
            "numpy": np.__version__, "scikit-learn": sklearn.__version__, "torchmetrics": torchmetrics.__version__,
        },
        "agreement": agreement(rng),
        "train": rounded(train), "train_labels": labels.tolist(),
        "val": rounded(val), "val_labels": asked.tolist(), "width": 6, "classes": 5,
        "retrieval": retrieval(train, labels, val, asked),
        "logistic": [logistic(train, labels, val, p) for p in (0.1, 1.0, 30.0)],
        "kmeans_inertia": tightest.inertia_ / len(unit),
    }
    path = pathlib.Path(__file__).with_name("figures.json")
    path.write_text(json.dumps(document) + "\n")


main()
