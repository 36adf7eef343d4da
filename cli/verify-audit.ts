import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { openCheckpoint, readVerifierKey, splitNotes, type NoteVerifier, type SignedCheckpoint } from '../src/modules/audit/checkpoint-note.js';
import { ExportVerifier, type ExportVerdict } from '../src/modules/audit/export-verifier.js';
import { Failure } from './failure.js';
import { lines } from './lines.js';
import { progressBar } from './progress-bar.js';

export interface VerifyOptions {
  readonly checkpoint: readonly string[];
  readonly key: readonly string[];
  readonly json?: boolean;
}

/** `legate audit verify`. @throws Failure when the export is not proven */
export async function verifyAudit(file: string, options: VerifyOptions): Promise<void> {
  const verifiers = options.key.flatMap(keysOf);
  const { checkpoints, strange } = readCheckpoints(options.checkpoint, verifiers);
  if (strange > 0) process.stderr.write(`${strange} of the notes are no checkpoints that these keys signed; they are passed over.\n`);
  if (checkpoints.length === 0) throw new Failure('There is no checkpoint that these keys signed: nothing can be proven.');
  if (file !== '-' && !existsSync(file)) throw new Failure(`There is no file ${file}.`, 2);

  const verifier = new ExportVerifier(checkpoints);
  const bar = progressBar('Verifying', file === '-' ? undefined : statSync(file).size);
  let bytes = 0;
  const input = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  for await (const line of lines(input as AsyncIterable<Buffer>, (count) => { bytes += count; })) {
    verifier.add(line);
    bar.reach(bytes);
  }
  bar.end('Read');

  const verdict = verifier.verdict();
  const isProven = !verdict.finding && verdict.checkpoints > 0;
  if (options.json) process.stdout.write(`${JSON.stringify(summary(verdict, isProven))}\n`);
  if (!isProven) throw new Failure(badNews(verdict));
  if (!options.json) process.stdout.write(goodNews(verdict));
}

function keysOf(keyOrFile: string): NoteVerifier[] {
  const direct = readVerifierKey(keyOrFile);
  if (direct) return [direct];
  const texts = existsSync(keyOrFile) ? readFileSync(keyOrFile, 'utf8').split('\n').map((text) => text.trim()).filter((text) => text !== '') : [];
  const keys = texts.map(readVerifierKey);
  if (keys.length === 0 || keys.includes(undefined)) throw new Failure(`${keyOrFile} is neither a verifier key nor a file of such.`, 2);
  return keys as NoteVerifier[];
}

function readCheckpoints(files: readonly string[], verifiers: readonly NoteVerifier[]): { checkpoints: SignedCheckpoint[]; strange: number } {
  const notes = files.flatMap((file) => {
    if (!existsSync(file)) throw new Failure(`There is no file ${file}.`, 2);
    return splitNotes(readFileSync(file, 'utf8'));
  });
  const checkpoints = notes.map((note) => openCheckpoint(note, verifiers)).filter((checkpoint) => checkpoint !== undefined);
  return { checkpoints, strange: notes.length - checkpoints.length };
}

function summary({ finding, header, events, hidden, provenSize, checkpoints }: ExportVerdict, isProven: boolean) {
  return {
    proven: isProven, origin: header?.origin, organization_id: header?.organization_id, first: header?.first, size: header?.size, events, hidden, proven_size: provenSize, checkpoints,
    ...(finding ? { first_bad: finding.firstBad, last_possible: finding.lastPossible, reason: finding.reason } : {}),
  };
}

function goodNews({ header, events, hidden, provenSize, checkpoints }: ExportVerdict): string {
  const { origin, first, size } = header!;
  const others = hidden === 0 ? '' : header!.organization_id === null
    ? ` Of ${count(hidden, 'event')} whose texts were let go, as the log tells, there are hashes alone.` : ` Of ${count(hidden, 'event')} of others, or whose texts were let go, there are hashes alone.`;
  const rest = size > provenSize ? `Not proven yet: the last ${count(size - provenSize, 'event')} came after the last checkpoint.\n` : '';
  return `Proven: ${count(events, 'event')} of ${origin}, from number ${first} to ${provenSize - 1}, by ${count(checkpoints, 'checkpoint')}.${others}\n${rest}`;
}

function badNews({ finding, header, provenSize }: ExportVerdict): string {
  if (!finding) return 'NOT PROVEN: all the checkpoints are older than the first event of the export.';
  const where = finding.lastPossible === undefined || finding.lastPossible === finding.firstBad
    ? `the first bad event is number ${finding.firstBad}.` : `the first bad event is one from number ${finding.firstBad} to ${finding.lastPossible}.`;
  const before = provenSize > (header?.first ?? 0) ? ` Proven is what comes before number ${provenSize}.` : '';
  return `NOT PROVEN: ${where} ${finding.reason}${before}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
