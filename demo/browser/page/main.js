/** Where the page begins. */
import { start } from './page.js';

await start(document);
