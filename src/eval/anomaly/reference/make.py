"""Makes numbers.json: areas under ROC curves by scikit-learn, smoothed maps by scipy. Run: python make.py"""

import json
import pathlib

import numpy as np
import scipy
import sklearn
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score, roc_curve


def roc(scores, positive):
    scores = np.asarray(scores, dtype=np.float32)
    fpr, tpr, _ = roc_curve(positive, scores, drop_intermediate=False)
    return {
        "scores": [float(s) for s in scores],
        "positive": [bool(p) for p in positive],
        "auroc": roc_auc_score(positive, scores),
        "curve": [[float(x), float(y)] for x, y in zip(fpr, tpr)],
    }


def smooth(rng, height, width, sigma):
    image = rng.random((height, width)).astype(np.float32)
    smoothed = gaussian_filter(image.astype(np.float64), sigma)
    return {
        "width": width,
        "sigma": sigma,
        "map": [float(v) for v in image.ravel()],
        "smoothed": [float(np.float32(v)) for v in smoothed.ravel()],
    }


rng = np.random.default_rng(0)
cases = [
    roc(rng.normal(size=60) + np.arange(60) % 2, np.arange(60) % 2 == 1),
    roc(np.round(rng.normal(size=80), 1), rng.random(80) < 0.2),
    roc(rng.integers(0, 4, size=50), rng.random(50) < 0.5),
    roc(np.zeros(10), np.arange(10) < 3),
    roc([3, 2, 1, 0], [True, True, False, False]),
    roc([0, 1, 2, 3], [True, True, False, False]),
]
maps = [smooth(rng, 6, 9, 1.0), smooth(rng, 8, 8, 2.5), smooth(rng, 5, 4, 0.3), smooth(rng, 1, 7, 4.0)]
numbers = {
    "made_by": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {np.__version__}",
    "roc": cases,
    "smooth": maps,
}
out = pathlib.Path(__file__).with_name("numbers.json")
out.write_text(json.dumps(numbers) + "\n")
