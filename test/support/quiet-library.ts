/** Import it before anything that loads the protocol library, whose notice about the runtime would stand between the results. */
import { silenceRuntimeNotice } from '../../src/runtime-notice.js';

silenceRuntimeNotice();
