/** Runs before each suite: the protocol library's notice about the runtime would stand between the results. */
import { silenceRuntimeNotice } from '../../src/runtime-notice.js';

const DONE = Symbol.for('legate.test.runtime-notice');
const worker = globalThis as { [DONE]?: boolean };

// Once for each worker: it is loaded once.
if (!worker[DONE]) silenceRuntimeNotice();
worker[DONE] = true;
