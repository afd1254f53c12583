"""The question that comes before the first swap."""

from __future__ import annotations

from demo.handlers import consent
from demo.messages import Visit
from demo.work.services import Services

VISIT = Visit(session="me")


def test_the_question_is_put_until_it_is_answered(services: Services) -> None:
    assert consent.ask(services, VISIT, consented=False)["question"]["visible"] is True
    assert consent.ask(services, VISIT, consented=True)["question"]["visible"] is False
    assert consent.agree(services, VISIT)["consented"] is True
