"""`python -m benchmarks.reference.server PORT`: the function, in Flask's development server."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from flask import Flask, request

LAYERS = (60, 30, 10)


def network() -> keras.Model:
    """The layers of the product's network; its weights are random, which takes as long."""
    keras.utils.set_random_seed(1)
    hidden = [keras.layers.Dense(width, activation="relu") for width in LAYERS]
    last = keras.layers.Dense(1, activation="sigmoid")
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Normalization(mean=0, variance=1), *hidden, last]
    )


def main() -> None:
    """Serves until it is ended."""
    app = Flask(__name__)
    model = network()

    @app.post("/")
    def score() -> dict[str, float]:
        row = np.array([request.get_json()["params"]])
        # Once for the probability and once for the class. The progress bar, off here, costs no time.
        probability = float(model.predict(row, verbose=0)[0][0])
        fault = int(model.predict(row, verbose=0)[0][0] > 0.5)
        return {"fault": fault, "probability": probability}

    @app.get("/")
    def ready() -> str:
        return "ready"

    app.run(port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
