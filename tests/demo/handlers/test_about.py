"""The About tab's answer."""

from __future__ import annotations

from demo.handlers import about
from demo.messages import Visit
from demo.work.services import Services


def test_costs_are_a_table_in_the_visitors_language(services: Services) -> None:
    shown = about.count(services, Visit("zh-CN"))["table"].splitlines()
    assert "方法" in shown[0] and len(shown) > 5
