"""Trains the model of `velum demo`. Deterministic: with one scikit-learn on one machine the same values come out
again (elsewhere the last digits of the weights may differ). `npm run format` then lays out the JSON.

Data: Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, CC BY 4.0, by W. Wolberg,
O. Mangasarian, N. Street and W. Street (https://doi.org/10.24432/C5DW2B); taken from the copy that
scikit-learn bundles (sklearn.datasets.load_breast_cancer). See PROVENANCE.md.

    python -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python train.py

Writes beside this file:
    breast-cancer.lr.json           logistic regression on the 30 raw features (sklearn-json form)
    breast-cancer.test.csv          held-out 20 %: features, with a header
    breast-cancer.labels.csv        the true diagnosis of the same rows (0 malignant, 1 benign)
    breast-cancer.hyperparams.json  range of each feature over the training rows
"""

import csv
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
SEED = 20240517


def significant(values, digits):
    """Rounds to significant digits, so that the files are short."""
    return [float(f"{v:.{digits}g}") for v in values]


data = load_breast_cancer()
names = [str(name) for name in data.feature_names]
x_train, x_test, y_train, y_test = train_test_split(
    data.data, data.target, test_size=0.2, random_state=SEED, stratify=data.target
)

scaler = StandardScaler().fit(x_train)
model = LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000).fit(scaler.transform(x_train), y_train)

# w . (x - mean) / std + b  =  (w / std) . x + (b - w . mean / std): the scaler disappears into the weights.
weights = significant(model.coef_[0] / scaler.scale_, 9)
bias = significant([model.intercept_[0] - np.dot(model.coef_[0], scaler.mean_ / scaler.scale_)], 12)[0]

scores = x_test @ np.array(weights) + bias
exact = model.decision_function(scaler.transform(x_test))
assert np.max(np.abs(scores - exact)) < 1e-5, "folding or rounding changed the scores"
accuracy = float(np.mean((scores > 0) == y_test))
train_accuracy = float(np.mean((x_train @ np.array(weights) + bias > 0) == y_train))

document = {
    "meta": "lr",
    "classes_": [int(c) for c in model.classes_],
    "coef_": [weights],
    "intercept_": [bias],
    "n_features_in_": len(names),
    "feature_names_in_": names,
    "params": {"C": 0.1, "solver": "lbfgs"},
}
(HERE / "breast-cancer.lr.json").write_text(json.dumps(document, indent=1) + "\n")

ranges = [[float(lo), float(hi)] for lo, hi in zip(x_train.min(axis=0), x_train.max(axis=0))]
(HERE / "breast-cancer.hyperparams.json").write_text(json.dumps({"featureRanges": ranges}) + "\n")

for name, header, rows in [
    ("breast-cancer.test.csv", names, x_test),
    ("breast-cancer.labels.csv", ["diagnosis"], y_test.reshape(-1, 1)),
]:
    with open(HERE / name, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([f"{v:.10g}" for v in row] for row in rows)

outside = ((x_test < x_train.min(axis=0)) | (x_test > x_train.max(axis=0))).any(axis=1)
# One split of 114 rows says little; cross-validation over all rows is the fairer figure.
pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000))
folds = cross_val_score(pipeline, data.data, data.target, cv=10)
print(f"scikit-learn {sklearn.__version__}; {len(x_train)} training rows, {len(x_test)} test rows")
print(f"accuracy {train_accuracy:.4f} training, {accuracy:.4f} test; test AUC {roc_auc_score(y_test, scores):.4f}")
print(f"10-fold cross-validation over all rows: accuracy {folds.mean():.4f}, worst fold {folds.min():.4f}")
print(f"test scores from {scores.min():.2f} to {scores.max():.2f}; largest deviation {np.abs(scores - exact).max():.1e}")
print(f"{int(outside.sum())} test rows have a feature outside the training range")
