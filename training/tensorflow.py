"""TensorFlow and Keras, imported so that the same data give the same weights.

TensorFlow reads these variables once, when it is first imported: so every module of this package imports it
here.
"""

import os

# Kernels that oneDNN picks by CPU model would give other weights on another machine, and are no faster at
# this size.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

__all__ = ["keras", "tf"]
