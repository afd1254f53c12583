"""Weights that ship with the package: one spec per network, verified and strictly loaded."""

from .load import load_tensors, weights_path, weights_paths
from .registry import WEIGHTS, WeightsFile, WeightsSpec

__all__ = ["WEIGHTS", "WeightsFile", "WeightsSpec", "load_tensors", "weights_path", "weights_paths"]
