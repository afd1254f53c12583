"""The parts of mediapipe that the judge calls, with a network that reads mean colours; for tests only."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace

ImageFormat = SimpleNamespace(SRGB="srgb")


class Image:
    def __init__(self, image_format, data):
        assert image_format == "srgb" and data.flags.c_contiguous and data.dtype.name == "uint8"
        self.data = data


class FaceLandmarker:
    """52 scores in [0, 1]; a picture of one colour has no face. Kills its process when ``KILL_JUDGE_AFTER`` says so."""

    @classmethod
    def create_from_options(cls, options):
        assert options.output_face_blendshapes and Path(options.base_options.model_asset_path).is_file()
        return cls()

    def detect(self, image):
        if counter := os.environ.get("KILL_JUDGE_AFTER"):
            left = int(Path(counter).read_text()) - 1
            Path(counter).write_text(str(left))
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        if image.data.std() == 0:
            return SimpleNamespace(face_blendshapes=[])
        mean = float(image.data.mean()) / 255
        return SimpleNamespace(face_blendshapes=[[SimpleNamespace(score=mean * k / 51) for k in range(52)]])
