/** The networks in a thread of their own, so that the page stays responsive; `answers.js` says what it does. */
import { Answers } from './answers.js';

const answers = new Answers((answer, moved) => self.postMessage(answer, { transfer: moved }));
self.onmessage = ({ data }) => void answers.take(data);
