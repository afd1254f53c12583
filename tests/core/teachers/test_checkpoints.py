"""Files of other authors: refused when hostile, damaged or missing; mapped one to one when right."""

from __future__ import annotations

import hashlib
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mobilefaceswap_core.errors import WeightsError
from mobilefaceswap_core.models import available_swappers
from mobilefaceswap_core.teachers import checkpoints, ghost, inswapper, released, simswap
from mobilefaceswap_core.teachers.released import Checkpoint
from mobilefaceswap_core.weights.published import own_folder

pytestmark = pytest.mark.usefixtures("empty_folder")
EYE = np.array([[1.0, 0, 0], [0, 1.0, 0]])

# ---------------------------------------------------------------- reading


class Explosive:
    """Runs a command when unpickled by a plain unpickler."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (exec, (f"open({str(self.marker)!r}, 'w').close()",))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_state_dict_is_refused_and_not_run(tmp_path, legacy):
    marker, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"a": torch.zeros(1), "b": Explosive(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="nothing in it was run"):
        checkpoints.read_state_dict(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists(), "the file is no attack, so the test proves nothing"


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_module_file_is_read_as_inert_objects_only(tmp_path, legacy):
    marker, path = tmp_path / "ran", tmp_path / "evil.tar"
    torch.save({"model": Explosive(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="no module named 'model'"):
        checkpoints.read_module(path, "model")
    assert not marker.exists()


def test_a_hostile_plain_pickle_is_refused_by_both_readers(tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(Explosive(marker)))
    for read in (checkpoints.read_state_dict, lambda p: checkpoints.read_module(p, "model")):
        with pytest.raises(WeightsError):
            read(path)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"<html>quota exceeded</html>"])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path, content):
    path = tmp_path / "damaged.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="download it again"):
        checkpoints.read_state_dict(path)
    with pytest.raises(WeightsError, match="download it again"):
        checkpoints.read_module(path, "model")


def test_a_state_dict_inside_a_training_checkpoint_loses_its_wrapping(tmp_path):
    path = tmp_path / "wrapped.pth"
    torch.save({"state_dict": {"module.a": torch.ones(2), "module.b": torch.zeros(1)}, "epoch": 3}, path)
    assert set(checkpoints.read_state_dict(path)) == {"a", "b"}


def test_a_file_with_other_things_than_tensors_is_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"a": torch.ones(2), "epoch": 3}, path)
    with pytest.raises(WeightsError, match="wanted a dict of tensors"):
        checkpoints.read_state_dict(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickled_module_gives_the_tensors_of_its_tree_without_its_classes(tmp_path, monkeypatch, legacy):
    # The class can be imported while it is pickled, and is gone when it is read.
    module = types.ModuleType("models_of_others")
    module.Net = type("Net", (nn.Sequential,), {"__module__": "models_of_others"})
    monkeypatch.setitem(sys.modules, "models_of_others", module)
    net = nn.DataParallel(module.Net(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    path = tmp_path / "whole.tar"
    torch.save({"epoch": 1, "model": net}, path, _use_new_zipfile_serialization=not legacy)
    expected = {name.removeprefix("module."): value for name, value in net.state_dict().items()}
    monkeypatch.delitem(sys.modules, "models_of_others")
    tensors = checkpoints.read_module(path, "model")
    assert tensors.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(tensors[name], value)


# ---------------------------------------------------------------- finding


def test_a_missing_checkpoint_names_file_origin_licence_and_remedy():
    for load, words in (
        (simswap.load, ("latest_net_G.pth", "preparation.md", "non-commercial")),
        (ghost.load, ("G_unet_2blocks.pth", "download_models.sh")),
        (inswapper.load, ("inswapper_128.onnx", "no longer distributes")),
    ):
        with pytest.raises(WeightsError, match="Weights not present") as caught:
            load()
        assert all(word in str(caught.value) for word in (*words, "MOBILEFACESWAP_HOME"))
    assert not {"simswap", "ghost", "inswapper"} & set(available_swappers())


def test_a_file_found_by_name_must_have_a_known_digest_but_one_named_by_path_need_not(tmp_path):
    folder = own_folder()
    folder.mkdir()
    (folder / "net.pth").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    wrong = Checkpoint("net.pth", "licence", "origin", "remedy", sha256=("0" * 64,))
    assert released.expected_path(wrong) == folder / "net.pth"
    with pytest.raises(WeightsError, match=digest):
        released.locate(wrong)
    assert released.locate(Checkpoint("net.pth", "", "", "", sha256=("0" * 64, digest))) == folder / "net.pth"
    assert released.locate(wrong, folder / "net.pth") == folder / "net.pth"
    with pytest.raises(WeightsError, match="is not a file"):
        released.locate(wrong, tmp_path / "absent.pth")
