"""One table of choices, one value made of it, and every door that offers them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.cli.app import app
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.marking import MarkOptions
from mobilefaceswap_core.options import SwapOptions, swap_options

FLAGS = ["--" + choice.name.replace("_", "-") for choice in CHOICES]


def test_nothing_chosen_is_the_default_of_every_door() -> None:
    assert swap_options({}) == SwapOptions() == swap_options({choice.name: None for choice in CHOICES})
    assert SwapOptions().marks == MarkOptions(metadata=True, watermark=True, credentials=True, badge=False)


def test_each_choice_reaches_its_option() -> None:
    made = swap_options(
        {
            "region": ["eyes", "mouth"],
            "keep": "nose",
            "box": (0.1, 0, 0.2, 0),
            "feather": 0.1,
            "max_yaw": 40,
            "badge": True,
            "occlusion": False,
            "lids": False,
            "beard": False,
            "pupils": 0.9,
            "folds": False,
            "brows": False,
            "gaze": 0.75,
            "mouth": 0.25,
            "sharpen": 0.6,
            "texture": 0.5,
            "strength": 0.8,
        }
    )
    assert made.limits.regions == ("eyes", "mouth") and made.limits.keep == ("nose",)
    assert made.limits.box == (0.1, 0, 0.2, 0) and made.limits.feather == 0.1
    assert made.max_yaw_deg == 40 and made.marks.badge
    assert (
        made.occlusion,
        made.lids,
        made.beard,
        made.pupils,
        made.folds,
        made.brows,
        made.gaze,
        made.mouth,
        made.sharpen,
        made.texture,
        made.strength,
    ) == (
        False,
        False,
        False,
        0.9,
        False,
        False,
        0.75,
        0.25,
        0.6,
        0.5,
        0.8,
    )


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"hat": 1}, "Unknown option 'hat'"),
        ({"region": "ears"}, "region: got 'ears', wanted names out of skin, brows"),
        ({"keep": 3}, "keep: got '3'"),
        ({"box": (0.1, 0.1)}, "box: .* wanted four fractions"),
        ({"box": (0.6, 0, 0.6, 0)}, "leave nothing"),
        ({"feather": 2}, "feather: got '2', wanted a number from 0 to 0.49"),
        ({"feather": float("nan")}, "feather: got 'nan'"),
        ({"max_yaw": True}, "max_yaw: got 'True'"),
        ({"badge": "yes"}, "badge: got 'yes', wanted true or false"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(chosen, says) -> None:
    with pytest.raises(OptionError, match=says):
        swap_options(chosen)


@pytest.mark.parametrize("command", ["image", "video", "live"])
def test_every_command_that_swaps_offers_every_choice(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.output)
    assert shown.exit_code == 0 and [flag for flag in FLAGS if flag not in text] == []


def test_asking_for_help_loads_neither_opencv_nor_torch() -> None:
    code = (
        "import sys\nfrom mobilefaceswap_core.cli.app import app\n"
        "try: app(['image', '--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'cv2', 'torch', 'onnxruntime'} & set(sys.modules)), file=sys.stderr)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stderr.strip() == "[]"
