import { useClock } from '../../kernel/clock.js';
import { runWithRequestContext } from '../http/request-context.js';
import { createLog } from './create-log.js';
import { logCrashes } from './crash.js';
import { NestLog } from './nest-log.js';

const SECRET = 'lgt_client_AbCdEf123456_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ';

function capture(settings: { logLevel?: 'info' | 'trace' | 'silent'; logFormat?: 'json' | 'text' } = {}) {
  const lines: string[] = [];
  const log = createLog({ logLevel: settings.logLevel ?? 'info', logFormat: settings.logFormat ?? 'json' }, { write: (line) => { lines.push(line); } });
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

let restoreClock: () => void;
beforeEach(() => { restoreClock = useClock({ now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) }); });
afterEach(() => restoreClock());

describe('the log', () => {
  it('writes one line of JSON for each sentence', () => {
    const { log, lines, last } = capture();
    log.info({ rows: 3 }, 'partitions were made');
    expect(lines[0]).toMatch(/\}\n$/);
    expect(last()).toEqual({ level: 'info', time: '2026-01-02T03:04:05.678Z', pid: process.pid, rows: 3, message: 'partitions were made' });
  });

  it('names the request that a line belongs to', () => {
    const { log, last } = capture();
    runWithRequestContext({ requestId: 'r-1', ip: '127.0.0.1' }, () => log.warn('slow'));
    expect(last()).toMatchObject({ level: 'warn', request_id: 'r-1', message: 'slow' });
  });

  it('shows no secret, whichever way it is logged', () => {
    const { log, lines } = capture({ logLevel: 'trace' });
    log.info(`sent ${SECRET}`);
    log.info({ client_secret: 'hunter2-hunter2', note: SECRET }, 'sent');
    log.error({ err: new Error(`cannot use ${SECRET}`, { cause: new Error(`?code=hunter2-hunter2`) }) }, 'failed');
    new NestLog(log).error(new Error(SECRET));
    new NestLog(log).log({ message: 'x', password: 'hunter2-hunter2' }, 'Component');
    new NestLog(log).debug('cookie=hunter2-hunter2', 'Component');
    expect(lines).toHaveLength(6);
    expect(lines.join('')).not.toMatch(/hunter2|0123456789abc/);
  });

  it('writes flat lines in the same form, and hides secrets in their values too', () => {
    const { log, lines, last } = capture();
    log.flat('info', { path: `/x/${SECRET}`, client_id: undefined }, 'request');
    expect(last()).toEqual({ level: 'info', time: '2026-01-02T03:04:05.678Z', pid: process.pid, path: '/x/lgt_client_AbCdEf123456_[hidden]', message: 'request' });
    log.flat('debug', {}, 'request');
    expect(lines).toHaveLength(1);
  });

  it('writes text that people can read, with the stack below', () => {
    const { log, lines } = capture({ logFormat: 'text' });
    log.warn({ attempts: 3, host: 'a b', list: ['x'] }, 'Redis is not reachable');
    expect(lines[0]).toBe('03:04:05.678 WARN  Redis is not reachable  attempts=3 host="a b" list=["x"]\n');
    log.error({ err: new TypeError('wrong', { cause: new Error('deeper') }) }, 'failed');
    expect(lines[1]).toMatch(/^03:04:05\.678 ERROR failed\n {2}TypeError: wrong\n {6}at .*\n {2}caused by:\n {4}Error: deeper\n/s);
  });

  it('lets no logged value repaint the terminal or fake a line', () => {
    const { log, lines } = capture({ logFormat: 'text' });
    log.info({ agent: 'x\x1b[2J\nERROR fake \u202e' }, 'came\r\nERROR fake');
    expect(lines[0]!.trimEnd()).not.toMatch(/[\x00-\x1f\u202e]/);
  });

  it('says nothing when silent', () => {
    const { log, lines } = capture({ logLevel: 'silent' });
    log.fatal('x');
    expect(lines).toEqual([]);
  });
});

describe("the framework's own words", () => {
  it('are quiet at the start, unless they warn', () => {
    const { log, lines } = capture();
    const nest = new NestLog(log);
    nest.log('Mapped {/api/agents, GET} route', 'RouterExplorer');
    nest.log('AppModule dependencies initialized', 'InstanceLoader');
    expect(lines).toEqual([]);
    nest.warn('something is off', 'RouterExplorer');
    expect(lines).toHaveLength(1);
  });

  it('keep their component, error and stack', () => {
    const { log, last } = capture();
    const nest = new NestLog(log);
    nest.log('made partitions', 'Partitions');
    expect(last()).toMatchObject({ level: 'info', component: 'Partitions', message: 'made partitions' });
    nest.error('failed', new Error('why'), 'ChangeFeed');
    expect(last()).toMatchObject({ level: 'error', component: 'ChangeFeed', message: 'failed', err: { message: 'why' } });
    nest.error('failed', 'Error: why\n    at x (y.js:1:2)', 'ChangeFeed');
    expect(last()).toMatchObject({ component: 'ChangeFeed', stack: expect.stringContaining('at x') });
  });
});

describe('an error that nothing caught', () => {
  it('is logged without its secrets and ends the process', () => {
    const { log, last } = capture();
    const codes: number[] = [];
    const takeOff = logCrashes(log, (code) => codes.push(code));
    process.emit('uncaughtException', new Error(`lost ${SECRET}`));
    takeOff();
    expect(codes).toEqual([1]);
    expect(last()).toMatchObject({ level: 'fatal', err: { message: 'lost lgt_client_AbCdEf123456_[hidden]' } });
  });
});
