/**
 * The page's words, in the first of the visitor's languages that there are texts for.
 *
 * @typedef {(key: string, values?: Record<string, string | number>) => string} Say one text with its values filled in
 */

const LANGUAGES = ['en', 'zh-CN']; // the first is the fallback

/** @param {readonly string[]} wishes as `navigator.languages` */
export function languageOf(wishes) {
  /** @param {string} tag */
  const main = (tag) => tag.toLowerCase().split('-')[0];
  for (const wish of wishes) {
    const found = LANGUAGES.find((language) => main(language) === main(wish));
    if (found) return found;
  }
  return LANGUAGES[0];
}

/** @param {Record<string, string>} texts by key @returns {Say} a key without a text is said as it is */
export function sayFrom(texts) {
  return (key, values = {}) => (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}

/**
 * Load the texts, and put them where the page has `data-text` and `data-label`.
 *
 * @param {Document} document
 * @param {string} language
 * @returns {Promise<Say>}
 */
export async function speak(document, language) {
  const say = sayFrom(await (await fetch(`./texts/${language}.json`)).json());
  document.documentElement.lang = language;
  for (const element of labelled(document, 'data-text')) element.textContent = say(element.dataset.text ?? '');
  for (const element of labelled(document, 'data-label')) {
    element.setAttribute('aria-label', say(element.dataset.label ?? ''));
  }
  document.title = say('title');
  return say;
}

/** @param {Document} document @param {string} attribute @returns {NodeListOf<HTMLElement>} */
function labelled(document, attribute) {
  return document.querySelectorAll(`[${attribute}]`);
}
