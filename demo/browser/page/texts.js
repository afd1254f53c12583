/** The page's words, in the first of the visitor's languages that there are texts for. */

const LANGUAGES = ['en', 'zh-CN']; // the first is the fallback

/** @type {Record<string, string>} */
let texts = {};

/** @param {readonly string[]} wishes as `navigator.languages` */
export function languageOf(wishes) {
  const same = (a, b) => a.toLowerCase().split('-')[0] === b.toLowerCase().split('-')[0];
  for (const wish of wishes) {
    const found = LANGUAGES.find((language) => same(wish, language));
    if (found) return found;
  }
  return LANGUAGES[0];
}

/** Load the texts, and put them where the page has `data-text` and `data-label`. @param {string} language */
export async function speak(language) {
  texts = await (await fetch(`./texts/${language}.json`)).json();
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = say(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', say(element.dataset.label));
  }
  document.title = say('title');
}

/** One text with its values filled in. @param {string} key @param {Record<string, string | number>} [values] */
export function say(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}
