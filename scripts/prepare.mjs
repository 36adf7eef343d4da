/** Runs at the end of `npm ci`, so that the first start does not have to wait for the build. */
import { ensureBuilt } from './ensure-built.mjs';

ensureBuilt();
