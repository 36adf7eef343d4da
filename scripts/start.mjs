/** `npm start`: builds when needed, then becomes the server, so that signals reach it directly. */
import { ensureBuilt } from './ensure-built.mjs';

ensureBuilt();
await import('../dist/server/main.js');
