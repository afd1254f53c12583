/** Inside the app: its colours, and no scroll bar of our own. */

/** @param {Document} document @param {string | null} wishedTheme `light` or `dark`, from the address */
export function followApp(document, wishedTheme) {
  const root = document.documentElement;
  let theme = wishedTheme;
  try {
    const frame = /** @type {HTMLElement | null} */ (document.defaultView?.frameElement ?? null);
    if (frame) {
      root.dataset.embedded = 'true';
      theme ??= frame.ownerDocument.body.classList.contains('dark') ? 'dark' : 'light';
      document.body.style.background = groundOf(frame);
      new ResizeObserver(() => (frame.style.height = `${document.body.offsetHeight + 8}px`)).observe(document.body);
    }
  } catch {
    // another site shows this page in a frame: it keeps its own colours and height
  }
  if (theme) root.dataset.theme = theme;
}

/** The colour behind an element. @param {Element} element */
function groundOf(element) {
  for (let around = element.parentElement; around; around = around.parentElement) {
    const colour = getComputedStyle(around).backgroundColor;
    if (!/, 0\)$|^transparent$/.test(colour)) return colour;
  }
  return '';
}
