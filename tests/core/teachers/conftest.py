"""What tests of the teachers share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """No test sees checkpoints that happen to be on this machine."""
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.set_num_threads(1)
