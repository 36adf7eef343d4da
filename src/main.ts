import { silenceRuntimeNotice } from './runtime-notice.js';

silenceRuntimeNotice();
// Only now: the protocol library prints its notice as it is loaded.
const { serve } = await import('./serve.js');
await serve();
