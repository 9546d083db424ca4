"""Writes figures.json: what scipy and statsmodels say about made-up values, for reference_tests.rs.

    python -m venv venv && venv/bin/pip install scipy statsmodels && venv/bin/python make.py

Versions are recorded in the file. rliable's interquartile mean is scipy.stats.trim_mean with a quarter cut from either end;
its stratified bootstrap draws the runs of each task by themselves and takes percentiles.
"""

import json
import pathlib

import numpy as np
import scipy
import statsmodels
from scipy import special, stats
from statsmodels.stats.multitest import multipletests


def interval(values):
    n = len(values)
    return {
        "values": list(values),
        "mean": np.mean(values),
        "sd": np.std(values, ddof=1),
        "low_high": list(stats.t.interval(0.95, n - 1, loc=np.mean(values), scale=stats.sem(values))),
    }


def paired(a, b):
    a, b = np.array(a), np.array(b)
    test, d, n = stats.ttest_rel(a, b), a - b, len(a)
    d_z = d.mean() / d.std(ddof=1)
    m = n - 1
    correction = np.exp(special.gammaln(m / 2) - special.gammaln((m - 1) / 2)) / np.sqrt(m / 2) if n > 2 else None
    between = test.confidence_interval(0.95)
    return {
        "a": list(a),
        "b": list(b),
        "difference": d.mean(),
        "low_high": [between.low, between.high],
        "t": test.statistic,
        "p": test.pvalue,
        "d_z": d_z,
        "g_z": None if correction is None else d_z * correction,
    }


def holm(p):
    return {"p": list(p), "corrected": list(multipletests(p, method="holm")[1])}


def bca(rng, values, statistic, name):
    """The interval from 399 replicates, which are recorded, and from 200,000, which are not."""
    values = np.array(values)
    few = stats.bootstrap((values,), statistic, n_resamples=399, rng=rng, method="BCa", vectorized=False)
    many = stats.bootstrap((values,), statistic, n_resamples=200_000, rng=rng, method="BCa", vectorized=False)
    return {
        "statistic": name,
        "values": list(values),
        "replicates": list(few.bootstrap_distribution),
        "low_high": list(few.confidence_interval),
        "many_low_high": list(many.confidence_interval),
    }


def iqm(rng, tasks):
    """tasks: one row for each task, one column for each run."""
    tasks = np.array(tasks)
    count, runs = tasks.shape
    means = []
    for _ in range(200_000):
        drawn = rng.integers(0, runs, size=(count, runs))
        means.append(stats.trim_mean(np.take_along_axis(tasks, drawn, axis=1), 0.25, axis=None))
    return {
        "tasks": tasks.tolist(),
        "iqm": stats.trim_mean(tasks, 0.25, axis=None),
        "many_low_high": list(np.percentile(means, [2.5, 97.5])),
    }


def correlation(x, y):
    """Coefficients, and p values over all permutations where there are few points, else of the approximation of tau."""
    x, y = np.array(x), np.array(y)
    rho, tau = stats.spearmanr(x, y).statistic, stats.kendalltau(x, y, variant="b")
    case = {"x": list(x), "y": list(y), "rho": rho, "tau": tau.statistic, "p": None, "tau_p": None}
    if len(x) <= 8:
        for name, of in (("p", stats.spearmanr), ("tau_p", stats.kendalltau)):
            every = stats.permutation_test(
                (x,), lambda x: of(x, y).statistic, permutation_type="pairings", n_resamples=np.inf, vectorized=False
            )
            # scipy doubles the smaller tail; here both tails are counted, which differs where ties make them uneven.
            case[name] = np.mean(np.abs(every.null_distribution) >= abs(every.statistic) - 1e-9)
    elif len(x) > 40:
        case["tau_p"] = stats.kendalltau(x, y, method="asymptotic").pvalue
    else:
        case["p_student"] = stats.spearmanr(x, y).pvalue
        case["tau_p_exact"] = stats.kendalltau(x, y, method="exact").pvalue if len(set(x)) == len(x) == len(set(y)) else None
    return case


def main():
    rng = np.random.default_rng(7)
    skewed = rng.lognormal(size=24).round(3)
    figures = {
        "made_by": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__, "numpy": np.__version__},
        "intervals": [interval([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])]
        + [interval(rng.normal(size=n).round(3)) for n in (2, 3, 4, 5, 10, 30, 200)],
        "paired": [
            paired(base + rng.normal(0.3, 0.4, n).round(3), base)
            for n in (2, 3, 4, 5, 10, 30, 100)
            for base in [rng.normal(5, 2, n).round(3)]
        ]
        + [paired([5.1, 6.2, 7.35], [1.0, 2.0, 3.0])],
        "holm": [
            holm([0.01, 0.04, 0.03, 0.005]),
            holm([0.5]),
            holm([0.2, 0.9, 0.2, 0.0004, 0.6]),
            holm(rng.uniform(0, 0.2, 12).round(4)),
        ],
        "bca": [
            bca(rng, skewed, np.mean, "mean"),
            bca(rng, skewed, np.median, "median"),
            bca(rng, rng.normal(size=12).round(3), np.mean, "mean"),
        ],
        "iqm": [
            iqm(rng, rng.normal(size=(10, 5)).round(3)),
            iqm(rng, rng.lognormal(size=(3, 4)).round(3)),
        ],
        "correlation": [
            correlation(x, (0.5 * x + rng.normal(size=len(x))).round(digits))
            for n, digits in ((5, 3), (6, 3), (7, 0), (8, 3), (8, 0), (12, 3), (25, 3), (25, 0), (60, 3), (75, 0))
            for x in [rng.normal(size=n).round(digits)]
        ],
    }
    out = pathlib.Path(__file__).with_name("figures.json")
    out.write_text(json.dumps(figures, default=float) + "\n")


main()
