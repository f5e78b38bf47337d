"""Writes reference.json: what charts must agree with, computed by others.

Colour maps by matplotlib, histograms by numpy, confusion matrices by scikit-learn. Ticks by trying
all steps in exact fractions. Smoothing by the weighted sums that TensorBoard's recurrence stands
for, in exact fractions too. Bands over runs by numpy.interp.

Needs numpy, matplotlib and scikit-learn.
"""

import json
import math
import pathlib
from fractions import Fraction

import matplotlib
import numpy as np
from sklearn import metrics

rng = np.random.default_rng(7)


def color_maps():
    viridis = matplotlib.colormaps["viridis"]
    table = ["#%02X%02X%02X" % viridis(i, bytes=True)[:3] for i in range(256)]
    parts = [0.0, 1.0, 0.5, -0.1, 1.1, 1 / 256, 255 / 256, 0.9999999] + list(rng.random(60))
    colors = ["#%02X%02X%02X" % viridis(float(p), bytes=True)[:3] for p in parts]
    return {"viridis": table, "parts": parts, "colors": colors}


def histograms():
    cases = []
    samples = [rng.normal(size=300), rng.integers(0, 10, 200).astype(float), np.full(5, 2.5),
               np.array([1.0]), np.array([]), np.linspace(0, 1, 101), rng.normal(size=50) * 1e-300,
               rng.normal(size=50) * 1e300, np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9] * 4),
               rng.exponential(size=200).astype(np.float32).astype(float)]
    for values in samples:
        for bins in (1, 7, 10, 30):
            counts, edges = np.histogram(values, bins)
            cases.append({"values": values.tolist(), "bins": bins, "counts": counts.tolist(),
                          "edges": edges.tolist()})
    return cases


def smoothing():
    cases = []
    for weight in (0.0, 0.3, 0.6, 0.9, 0.999):
        for values in ([1.0, 2.0, 3.0], [5.0], [4.0] * 6, [], list(rng.normal(size=40)),
                       [1.0, None, 3.0, None, 2.0], [1e300, 1e-300, -1e300]):
            out, seen = [], []
            known = [v for v in values if v is not None]
            constant = len(set(values)) <= 1
            w = Fraction(weight)
            for v in values:
                if v is None or constant:
                    out.append(v)
                    continue
                seen.append(Fraction(v))
                weights = [w ** (len(seen) - 1 - i) for i in range(len(seen))]
                out.append(float(sum(a * b for a, b in zip(weights, seen)) / sum(weights)))
            assert len(known) <= len(values)
            cases.append({"weight": weight, "y": values, "smoothed": out})
    return cases


def tick_case(low, high, most):
    """The multiples in [low, high] of the least of 1, 2, 5 times a power of ten with few enough."""
    a, b = Fraction(low), Fraction(high)
    start = math.floor(math.log10(float(b - a) / (most + 1))) - 2
    for exponent in range(start, start + 30):
        for m in (1, 2, 5):
            step = m * Fraction(10) ** exponent
            first, last = math.ceil(a / step), math.floor(b / step)
            # The double nearest to a decimal may lie within where the decimal does not.
            ticks = [float(k * step) for k in range(first - 1, min(last, first + most + 2) + 2)]
            ticks = [t for t in ticks if low <= t <= high]
            if len(ticks) <= most:
                return {"low": low, "high": high, "most": most, "ticks": ticks}
    raise AssertionError


def ticks():
    cases = [tick_case(0.0, 1.0, n) for n in (2, 3, 5, 6, 10, 11, 12)]
    cases += [tick_case(0.1, 0.7, 7), tick_case(-3.0, 3.0, 7), tick_case(0.0, 0.3, 4)]
    for _ in range(150):
        size = 10.0 ** rng.uniform(-12, 12)
        low = float(rng.normal() * size)
        high = low + float(10.0 ** rng.uniform(-4, 2) * size)
        cases.append(tick_case(low, high, int(rng.integers(2, 15))))
    return cases


def bands():
    runs = []
    for _ in range(4):
        x = np.unique(rng.integers(0, 40, 15)).astype(float)
        runs.append({"x": x.tolist(), "y": rng.normal(size=len(x)).tolist()})
    grid = sorted({x for run in runs for x in run["x"]})
    mean, sd, low, high = [], [], [], []
    for x in grid:
        at = [float(np.interp(x, r["x"], r["y"])) for r in runs if r["x"][0] <= x <= r["x"][-1]]
        mean.append(float(np.mean(at)))
        sd.append(float(np.std(at, ddof=1)) if len(at) > 1 else 0.0)
        low.append(min(at))
        high.append(max(at))
    return {"runs": runs, "x": grid, "mean": mean, "sd": sd, "low": low, "high": high}


def confusion():
    cases = []
    for n, size in ((2, 30), (5, 200), (10, 400), (3, 0)):
        labels = rng.integers(0, n, size)
        predictions = np.where(rng.random(size) < 0.7, labels, rng.integers(0, n, size))
        names = list(range(n))
        case = {"n": n, "labels": labels.tolist(), "predictions": predictions.tolist()}
        if size:
            recall = metrics.recall_score(labels, predictions, labels=names, average=None,
                                          zero_division=np.nan)
            precision = metrics.precision_score(labels, predictions, labels=names, average=None,
                                                zero_division=np.nan)
            matrix = metrics.confusion_matrix(labels, predictions, labels=names)
            case |= {"counts": matrix.ravel().tolist(),
                     "accuracy": float(metrics.accuracy_score(labels, predictions)),
                     "recall": [None if np.isnan(v) else float(v) for v in recall],
                     "precision": [None if np.isnan(v) else float(v) for v in precision]}
        else:
            case |= {"counts": [0] * (n * n), "accuracy": None, "recall": [None] * n,
                     "precision": [None] * n}
        cases.append(case)
    return cases


reference = {"color_maps": color_maps(), "histograms": histograms(), "smoothing": smoothing(),
             "ticks": ticks(), "bands": bands(), "confusion": confusion()}
path = pathlib.Path(__file__).with_name("reference.json")
path.write_text(json.dumps(reference, allow_nan=False, separators=(",", ":")).replace(
    '],"', '],\n"') + "\n")
