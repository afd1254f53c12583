"""A host's rules, as every door uses them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import OptionError, OutputError, RefusedError
from mobilefaceswap_core.files.images import write_image
from mobilefaceswap_core.rules.audit import AuditLog
from mobilefaceswap_core.rules.blocklist import Blocklist
from mobilefaceswap_core.rules.host import HostRules


@dataclass
class Told:
    """Gives the embeddings it was told to, one a face."""

    left: list[np.ndarray] = field(default_factory=list)

    def of_face(self, image, face):
        return self.left.pop(0)


PROTECTED = Blocklist(np.array([[1.0, 0, 0]], np.float32), ("p.jpg",), 0.9)
ANYONE = [np.zeros((4, 4, 3), np.uint8)] * 2, [None, None]


def test_two_photos_that_pass_alone_are_refused_when_the_person_made_of_them_is_protected() -> None:
    apart = [np.array([0.85, 0.52, 0]), np.array([0.85, -0.52, 0])]  # each at a cosine of 0.85, their mean at 1
    for one in apart:
        HostRules(PROTECTED, Told([one])).check([ANYONE[0][0]], [None])
    with pytest.raises(RefusedError, match="protected"):
        HostRules(PROTECTED, Told(list(apart))).check(*ANYONE)


def test_a_source_without_a_photo_cannot_pass_a_block_list() -> None:
    with pytest.raises(OptionError, match="Give the source as a photo"):
        HostRules(PROTECTED, Told()).check((), ())
    HostRules().check((), ())


def test_a_refusal_is_logged_with_the_hashes_of_the_photos(tmp_path) -> None:
    photo = tmp_path / "me.png"
    photo.write_bytes(b"photo")
    rules = HostRules(PROTECTED, Told([np.array([1.0, 0, 0])]), AuditLog(tmp_path / "log"))
    with pytest.raises(RefusedError):
        rules.checker([photo], model="student")([ANYONE[0][0]], [None])
    (line,) = (json.loads(text) for text in (tmp_path / "log").read_text().splitlines())
    assert line["event"] == "refused" and line["model"] == "student" and len(line["sources"][0]) == 64


def test_a_result_that_cannot_be_logged_says_that_it_is_there(tmp_path) -> None:
    photo = tmp_path / "me.png"
    photo.write_bytes(b"photo")
    rules = HostRules(log=AuditLog(photo / "log"))
    with pytest.raises(OutputError, match="was written, but not recorded"):
        rules.record("swap", sources=[photo], target=photo, output=photo, model="student")


def test_protected_photos_are_read_from_a_folder_and_refuse_the_same_person(tmp_path, astronaut, group) -> None:
    (tmp_path / "list").mkdir()
    write_image(tmp_path / "list" / "eileen.png", astronaut)
    detector = load_detector("lite")
    rules = HostRules.load(detector, blocklist=tmp_path / "list", audit_log=tmp_path / "log", model="student")
    darker = (astronaut * 0.7).astype(np.uint8)
    with pytest.raises(RefusedError):
        rules.check([darker], detector.detect(darker)[:1])
    rules.check([group], detector.detect(group)[:1])
    assert json.loads((tmp_path / "log").read_text())["event"] == "start"
