"""Classifies images of digits: python -m gibbs_worker worker:Digits --count 4"""

from pathlib import Path

import joblib


class Digits:
    def __init__(self) -> None:
        self._model = joblib.load(Path(__file__).parent / ".build/model.joblib")

    def __call__(self, image: list) -> dict:
        (shares,) = self._model.predict_proba([image])
        return {"digit": int(shares.argmax()), "probability": float(shares.max())}
