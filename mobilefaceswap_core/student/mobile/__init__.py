"""Baked networks for phones: LiteRT, ncnn, Core ML and ExecuTorch, each written from the one ONNX graph.

:mod:`.formats` lists what can be written, :mod:`.export` writes and checks it, :mod:`.runners` reads it back, and
:mod:`.vectors` keeps what a program on a phone has to reproduce.
"""
