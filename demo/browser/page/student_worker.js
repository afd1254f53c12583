/** The student in a thread of its own; `student.js` says what it does. */
import { StudentAnswers } from './student.js';

const answers = new StudentAnswers((answer, moved) => self.postMessage(answer, { transfer: moved }));
self.onmessage = ({ data }) => void answers.take(data);
