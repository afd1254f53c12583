"""Frozen networks of ONNX files that losses look through."""
