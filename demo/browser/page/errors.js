/** A failure that has words of its own in `texts/`. */
export class PageError extends Error {
  /** @param {string} key @param {Record<string, string | number>} [values] that the words name @param {string} [message] */
  constructor(key, values = {}, message = key) {
    super(message);
    this.key = key;
    this.values = values;
  }
}

/** Why a request was not answered when nothing went wrong. */
export class Stopped extends Error {}
