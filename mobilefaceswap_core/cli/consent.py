"""Consent on the command line: asked once, stored in the user's configuration, or given by a flag."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .output import JsonOption, emit, note


def check_consent(given: bool, *, as_json: bool = False) -> None:
    """Let a swap go on only with consent; at a terminal, ask for it once and store the answer.

    Args:
        given: ``--i-have-consent`` was given; nothing is stored.
        as_json: never ask, a program reads the output.

    Raises:
        OptionError: not given, not stored, and nobody there to ask, or the answer was no.
    """
    from ..rules.consent import consent_text, require_consent, store_consent, stored_consent

    somebody_there = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    if not given and stored_consent() is None and somebody_there:
        note(consent_text())
        if typer.confirm("Do you agree?", default=False, err=True):
            store_consent()
    require_consent(given)


def consent(
    agree: Annotated[
        bool, typer.Option("--agree", help="Agree and store it on this computer.", show_default=False)
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Forget the stored agreement.", show_default=False)
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the consent text and whether it was agreed to; agree or withdraw."""
    from ..errors import OptionError
    from ..files.folders import config_folder
    from ..rules.consent import consent_text, store_consent, stored_consent, withdraw_consent

    if agree and withdraw:
        raise OptionError("Got both --agree and --withdraw; give one of them.")
    if agree:
        store_consent()
    if withdraw:
        withdraw_consent()
    stored = stored_consent()
    state = (
        f"Agreed on {stored.given_at}, stored in {config_folder()}." if stored else "Not agreed to on this computer."
    )
    payload = {
        "agreed": stored is not None,
        "given_at": stored.given_at if stored else None,
        "version": stored.version if stored else None,
        "folder": config_folder(),
        "text": consent_text(),
    }
    emit(payload, consent_text(), state, as_json=as_json)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("consent")(consent)
