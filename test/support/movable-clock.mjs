/**
 * Loaded into a server process before anything else: its calendar is off by as many milliseconds as the file TEST_CLOCK says at
 * the moment. The time that passes is not, as when somebody sets the clock of a machine.
 */
import { readFileSync } from 'node:fs';

const RealDate = Date;
const LOOK_EVERY_MS = 10;
let offset = 0;

function look() {
  offset = Number(readFileSync(process.env.TEST_CLOCK, 'utf8') || offset);
}

look();
setInterval(look, LOOK_EVERY_MS).unref();

const now = () => RealDate.now() + offset;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, values, by) => Reflect.construct(target, values.length === 0 ? [now()] : values, by),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
