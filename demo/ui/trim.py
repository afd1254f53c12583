"""One control for the part of a clip that is swapped: two handles on one line, from the keyboard too."""

from __future__ import annotations

import gradio as gr

from .context import Context

_STEP_S = 0.05
# The value is that of :func:`demo.handlers.trim.control_of`. The template does not name it: what is drawn
# anew loses its focus, so the script moves the handles.
_TEMPLATE = f"""<div class="trim">
  <div class="trim-line"><div class="trim-part"></div>
    <input type="range" class="trim-start" min="0" step="{_STEP_S}"><input type="range" class="trim-end" min="0" step="{_STEP_S}">
  </div>
  <output></output>
</div>"""
_SCRIPT = """
const handles = () => [...element.querySelectorAll('input')];
const words = seconds => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;
const draw = (start, end, length) => {
    const line = element.querySelector('.trim-part');
    line.style.left = `${100 * start / length}%`;
    line.style.width = `${100 * (end - start) / length}%`;
    element.querySelector('output').textContent = `${words(start)} – ${words(end)}`;
    handles().forEach((handle, number) => handle.setAttribute('aria-valuetext', words(number ? end : start)));
};
const show = () => {
    const value = props.value;
    if (!value || !value.length) return;
    handles().forEach((handle, number) => {
        handle.max = value.length;
        handle.value = number ? value.end : value.start;
        handle.setAttribute('aria-label', number ? value.to : value.from);
    });
    draw(value.start, value.end, value.length);
};
element.addEventListener('input', event => {
    const [first, second] = handles(), step = parseFloat(first.step), length = parseFloat(first.max);
    if (event.target === first) first.value = Math.min(parseFloat(first.value), parseFloat(second.value) - step);
    else second.value = Math.max(parseFloat(second.value), parseFloat(first.value) + step);
    const [start, end] = [parseFloat(first.value), parseFloat(second.value)];
    const video = document.querySelector('#clip video');
    if (video) video.currentTime = event.target === first ? start : end;
    draw(start, end, length);
});
element.addEventListener('change', () => {
    const [first, second] = handles().map(handle => parseFloat(handle.value));
    props.value = {...props.value, start: first, end: second};
    trigger('release');
});
watch('value', show);
show();
"""


def lay_out(context: Context) -> gr.HTML:
    """Add the control; hidden until there is a clip."""
    return gr.HTML(None, label=context.words("trim"), show_label=True, container=True, visible=False, elem_id="trim",
                   html_template=_TEMPLATE, js_on_load=_SCRIPT)  # fmt: skip
