"""What holds across the tabs: the address names the one that is open, and photos go along."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

# A link leads to the tab that was open. Gradio opens the first tab before the page is loaded; that says nothing yet.
_NAME_IN_ADDRESS = """() => {
    if (!window.addressRead) return;
    const address = new URL(location.href);
    address.searchParams.set('tab', '%s');
    history.replaceState(history.state, '', address);
}"""
_TAB_OF_ADDRESS = """() => {
    window.addressRead = true;
    const name = new URL(location.href).searchParams.get('tab');
    return name && /^[a-z]+$/.test(name) ? {__type__: 'update', selected: name} : {__type__: 'update'};
}"""
# A photo that was given in one tab is there in the next one that has a place for it, unless that has one already.
_REMEMBER = "photo => { if (photo) (window.photosGiven ??= {}).%s = photo; }"
# One that is there is not given again: that would count as a change, and a change takes results away.
_RECALL = """photo => {
    const given = (window.photosGiven || {}).%s;
    return photo || !given ? {__type__: 'update'} : given;
}"""


def follow(tab: gr.Tab, name: str, photos: Mapping[str, gr.Image]) -> None:
    """Have the address name a tab once it is opened, and fill its empty places with what was given elsewhere.

    Args:
        tab: just laid out.
        name: of the tab.
        photos: its places for photos, by what they are for.
    """
    tab.select(None, None, None, js=_NAME_IN_ADDRESS % name, api_visibility="private")
    for what, photo in photos.items():
        photo.change(None, photo, None, js=_REMEMBER % what, api_visibility="private")
        tab.select(None, photo, photo, js=_RECALL % what, api_visibility="private")


def open_named(page: gr.Blocks, row: gr.Tabs) -> None:
    """Open the tab that the address names when the page is loaded."""
    page.load(None, None, row, js=_TAB_OF_ADDRESS, api_visibility="private")
