"""The question that comes before the first swap."""

from __future__ import annotations

from pathlib import Path

from demo.examples.pairs import EXAMPLES
from demo.handlers import consent
from demo.messages import Visit
from demo.work.services import Services
from tests.fakes.painted import squares

VISIT = Visit(session="me")


def asked(services: Services, consented: bool = False, **photos: object) -> bool:
    return consent.ask(services, VISIT, consented=consented, photos=photos)["question"]["visible"]


def test_the_question_is_put_until_it_is_answered(services: Services) -> None:
    assert asked(services) and not asked(services, consented=True)
    assert consent.agree(services, VISIT)["consented"] is True


def test_it_is_put_for_own_photos_once_they_are_there(services: Services, tmp_path: Path) -> None:
    shipped, own = str(EXAMPLES / "average_2.webp"), squares(tmp_path / "own.png", (9, 9, 9))
    assert asked(services, source=own, target=shipped) and asked(services, source=shipped, target=own)
    assert asked(services, source=shipped, more=[own], target=shipped)
    assert asked(services, source=None, person_b=own, target=shipped)
    assert not asked(services, source=shipped, more=None, target=shipped)
    assert not asked(services, source=own, target=None) and not asked(services, source=None, target=own)
    assert not asked(services, consented=True, source=own, target=own)


def test_what_ships_is_known_by_its_content(services: Services, tmp_path: Path) -> None:
    copy = tmp_path / "another_name.png"
    copy.write_bytes((EXAMPLES / "average_2.webp").read_bytes())
    assert consent.may_swap(False, str(copy), None)
    copy.write_bytes(copy.read_bytes() + b"x")
    assert not consent.may_swap(False, str(copy))
    assert not consent.may_swap(False, str(tmp_path / "gone.png"))
