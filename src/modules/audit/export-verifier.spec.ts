import { checkpointLine, eventLine, EXPORT_FORMAT, headerLine, hiddenLine } from './export-format.js';
import { ExportVerifier } from './export-verifier.js';
import { EMPTY_FRONTIER, extend, leafHash, rootHash, type Frontier } from './merkle-log.js';

const ORIGIN = 'auth.example.com/audit';
const BODIES = Array.from({ length: 40 }, (_, at) => JSON.stringify({ id: `event ${at}`, type: 'token.issued', note: at % 3 ? 'plain' : 'line\u2028 "quoted" \\ },"event":{' }));

function frontierOf(bodies: readonly string[]): Frontier {
  return extend(EMPTY_FRONTIER, bodies.map(leafHash));
}

function checkpointAt(size: number, bodies: readonly string[] = BODIES) {
  return { origin: ORIGIN, size, root: rootHash(frontierOf(bodies.slice(0, size))), signedBy: ['key'] };
}

/** What somebody who may write the database makes the server export: every hash is right again. */
function exported(bodies: readonly string[], first = 0, size = bodies.length, organization: string | null = null): string[] {
  return [
    headerLine({ format: EXPORT_FORMAT, origin: ORIGIN, organization_id: organization, first, frontier: frontierOf(bodies.slice(0, first)).hashes, size, exported_at: '2026-01-01T00:00:00Z' }),
    ...bodies.slice(first).map((body, at) => eventLine(first + at, leafHash(body), body)),
    checkpointLine('whatever'),
  ];
}

function verify(lines: readonly string[], checkpoints = [checkpointAt(10), checkpointAt(20), checkpointAt(40)]) {
  const verifier = new ExportVerifier(checkpoints);
  for (const line of lines) verifier.add(line);
  return verifier.verdict();
}

function changed(at: number): string[] {
  return BODIES.map((body, index) => (index === at ? body.replace('token.issued', 'token.revoked') : body));
}

describe('an export', () => {
  it('as it was written is proven up to the last checkpoint', () => {
    expect(verify(exported(BODIES))).toMatchObject({ finding: undefined, events: 40, hidden: 0, provenSize: 40, checkpoints: 3 });
  });

  it('that goes on after the last checkpoint is proven up to there', () => {
    expect(verify(exported(BODIES), [checkpointAt(20)])).toMatchObject({ finding: undefined, provenSize: 20 });
  });

  it('that goes on from an earlier one is proven with what it goes on from', () => {
    expect(verify(exported(BODIES, 13))).toMatchObject({ finding: undefined, events: 27, provenSize: 40, checkpoints: 2 });
    expect(verify(exported(BODIES, 20)).checkpoints).toBe(2);
    expect(verify(exported(changed(5), 13)).finding).toMatchObject({ firstBad: 0, lastPossible: 19 });
  });

  it('in which others’ events are hashes alone is proven all the same', () => {
    const lines = exported(BODIES, 0, BODIES.length, 'ours');
    const hidden = rootHash(frontierOf(BODIES.slice(16, 20)));
    const shown = [...lines.slice(0, 17), hiddenLine({ level: 2, index: 4 }, hidden), ...lines.slice(21)];
    expect(verify(shown)).toMatchObject({ finding: undefined, events: 36, hidden: 4, provenSize: 40 });
    expect(verify([...lines.slice(0, 17), hiddenLine({ level: 2, index: 4 }, leafHash('forged')), ...lines.slice(21)]).finding).toMatchObject({ firstBad: 10, lastPossible: 19 });
    expect(verify([...lines.slice(0, 16), '{"sequence":15,"level":2,"hash":"' + hidden + '"}', ...lines.slice(20)]).finding).toMatchObject({ firstBad: 15 });
  });

  it('of the whole log, in which texts are missing, is proven as far as the log tells how many were let go', () => {
    const told = (events: number) => [...BODIES, JSON.stringify({ type: 'audit_log.pruned', details: { first: 0, next: 256, retention_days: 30, events } })];
    const without = (bodies: readonly string[]) => exported(bodies).flatMap((line, at) => {
      if (at < 17 || at > 20) return [line];
      return at === 17 ? [hiddenLine({ level: 2, index: 4 }, rootHash(frontierOf(BODIES.slice(16, 20))))] : [];
    });
    expect(verify(without(told(4)))).toMatchObject({ finding: undefined, hidden: 4 });
    expect(verify(without(BODIES)).finding).toMatchObject({ firstBad: 16, lastPossible: 19, reason: expect.stringContaining('text is missing') as string });
    expect(verify(without(told(3))).finding).toMatchObject({ firstBad: 16, lastPossible: 19 });
  });
});

describe('the verifier names the first bad event', () => {
  it('when a field was changed', () => {
    const lines = exported(BODIES);
    lines[1 + 17] = lines[1 + 17]!.replace('token.issued', 'token.revoked');
    expect(verify(lines).finding).toMatchObject({ firstBad: 17, reason: 'Its text is not what was hashed.' });
  });

  it('as one since the last checkpoint, when the hashes were made again', () => {
    expect(verify(exported(changed(17))).finding).toEqual({ firstBad: 10, lastPossible: 19, reason: 'These are not the first 20 events that were signed.' });
  });

  it('exactly, when every event was signed', () => {
    const every = BODIES.map((_, at) => checkpointAt(at + 1));
    expect(verify(exported(changed(17)), every).finding).toEqual({ firstBad: 17, reason: 'It is not the one that was signed.' });
  });

  it('when two were swapped, with or without their numbers', () => {
    const lines = exported(BODIES);
    expect(verify([...lines.slice(0, 8), lines[9]!, lines[8]!, ...lines.slice(10)]).finding).toMatchObject({ firstBad: 7 });
    const swapped = [...BODIES.slice(0, 7), BODIES[8]!, BODIES[7]!, ...BODIES.slice(9)];
    expect(verify(exported(swapped)).finding).toMatchObject({ firstBad: 0, lastPossible: 9 });
  });

  it('when one was removed from the middle, with or without a new numbering', () => {
    const lines = exported(BODIES);
    expect(verify([...lines.slice(0, 26), ...lines.slice(27)]).finding).toMatchObject({ firstBad: 25, reason: 'It is missing: the next one is 26.' });
    expect(verify(exported([...BODIES.slice(0, 25), ...BODIES.slice(26)])).finding).toMatchObject({ firstBad: 39, reason: expect.stringContaining('40 events when it was signed') as string });
    expect(verify(exported([...BODIES.slice(0, 25), ...BODIES.slice(26), 'another'].map((body) => (body === 'another' ? '{"id":"later"}' : body)))).finding)
      .toMatchObject({ firstBad: 20, lastPossible: 39 });
  });

  it('when one was added with new hashes', () => {
    expect(verify(exported([...BODIES.slice(0, 12), '{"id":"added"}', ...BODIES.slice(12)])).finding).toMatchObject({ firstBad: 10, lastPossible: 19 });
  });

  it('when the tail was cut off, of the file or of the log', () => {
    expect(verify(exported(BODIES).slice(0, 31)).finding).toMatchObject({ firstBad: 30, reason: 'It is missing: the export ends here, but is about 40 events.' });
    expect(verify(exported(BODIES.slice(0, 30))).finding).toMatchObject({ firstBad: 30, reason: expect.stringContaining('had 40 events') as string });
  });

  it('when yesterday’s database was put back and went another way', () => {
    const restored = [...BODIES.slice(0, 25), ...Array.from({ length: 20 }, (_, at) => `{"id":"after ${at}"}`)];
    expect(verify(exported(restored)).finding).toMatchObject({ firstBad: 20, lastPossible: 39 });
  });

  it('when two states of the same size were signed', () => {
    expect(verify(exported(BODIES), [checkpointAt(20), checkpointAt(20, changed(3))]).finding).toMatchObject({ firstBad: 0, lastPossible: 19, reason: expect.stringContaining('forked') as string });
  });

  it('when the same one comes twice, or one too many', () => {
    const lines = exported(BODIES);
    expect(verify([...lines.slice(0, 6), lines[5]!, ...lines.slice(6)]).finding).toMatchObject({ firstBad: 5 });
    expect(verify(exported(BODIES, 0, 39), [checkpointAt(39)]).finding).toMatchObject({ firstBad: 39 });
  });

  it.each([
    ['nothing', []],
    ['something else', ['{"hello":"world"}']],
    ['no header', exported(BODIES).slice(1)],
    ['a header twice', [exported(BODIES)[0]!, ...exported(BODIES)]],
    ['a line that is none', [...exported(BODIES).slice(0, 4), 'garbage', ...exported(BODIES).slice(4)]],
    ['an export of another log', exported(BODIES).map((line) => line.replace(ORIGIN, 'evil.example.com/audit'))],
    ['a frontier that does not fit', exported(BODIES, 13).map((line, at) => (at === 0 ? line.replace('"first":13', '"first":15') : line))],
  ])('or says so, when it is given %s', (_, lines) => {
    expect(verify(lines).finding).toBeDefined();
  });
});
