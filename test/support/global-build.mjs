import { ensureBuilt } from '../../scripts/ensure-built.mjs';

/** For suites whose servers start on databases of their own making: they need the built product and nothing else. */
export default function build() {
  ensureBuilt();
}
