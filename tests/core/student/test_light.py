"""The student without PyTorch: the same kernels, and nothing on the way to a swapped photo loads it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from mobilefaceswap_core.files.images import write_image
from mobilefaceswap_core.student.idn import IdnWeights
from mobilefaceswap_core.student.swapper import LightStudent, load_student
from mobilefaceswap_core.types import AlignedFace

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def faces() -> list[AlignedFace]:
    return [AlignedFace(np.ascontiguousarray(astronaut()[y : y + 224, 100:324]), np.eye(2, 3)) for y in (0, 60)]


def test_it_predicts_and_swaps_what_pytorch_does(faces) -> None:
    light, torch_student = load_student(threads=1), load_student(backend="torch")
    assert isinstance(light, LightStudent) and not isinstance(torch_student, LightStudent)
    own, wanted = light.condition(faces), torch_student.condition(faces)
    assert isinstance(own.weights, IdnWeights)
    for (name, a), b in zip(own.weights.tensors().items(), wanted.weights.tensors().values(), strict=True):
        assert np.abs(a.numpy() - b.numpy()).max() < 1e-5, name
    assert np.abs(own.embedding - wanted.embedding).max() < 1e-5 and not own.embedding.flags.writeable
    one, other = light.swap(faces[:1], [own])[0], torch_student.swap(faces[:1], [wanted])[0]
    assert np.abs(one.image.astype(int) - other.image).max() <= 1
    assert light.info.weights_sha256 == torch_student.info.weights_sha256


def test_a_photo_is_swapped_without_pytorch(tmp_path) -> None:
    write_image(tmp_path / "photo.png", astronaut()[:300])
    code = (
        "import sys; from mobilefaceswap_core.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: code = end.code\n"
        "import mobilefaceswap_core.video, eval.run, demo.work.services\n"  # what a page and a table import
        "from mobilefaceswap_core.models import available_swappers; available_swappers()\n"
        "print(code, 'torch' in sys.modules)"
    )
    photo, out = (str(tmp_path / name) for name in ("photo.png", "out.png"))
    arguments = ["image", "--source", photo, "--target", photo, "--out", out, "--i-have-consent", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[-2] == "0 False", done.stderr[-500:]
