"""Trains a model on images of digits. Saves it, with its predictions for the held-out images.

python train.py
"""

import json
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split

TREES, HELD_OUT, SEED = 200, 400, 5019

digits = load_digits()
train, held_out, train_labels, labels = train_test_split(
    digits.data, digits.target, test_size=HELD_OUT, random_state=SEED, stratify=digits.target
)
model = ExtraTreesClassifier(TREES, random_state=SEED).fit(train, train_labels)
shares = model.predict_proba(held_out)

built = Path(__file__).parent / ".build"
built.mkdir(exist_ok=True)
joblib.dump(model, built / "model.joblib")
local = [{"digit": int(one.argmax()), "probability": one.max()} for one in shares]
told = {"images": held_out.tolist(), "labels": labels.tolist(), "local": local}
(built / "held-out.json").write_text(json.dumps(told))
