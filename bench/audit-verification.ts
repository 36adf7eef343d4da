/** What it takes to verify an export of the audit log offline: the command line, on a file of its own. No server, no database. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { signCheckpoint, verifierKey } from '../src/modules/audit/checkpoint-note.js';
import { EXPORT_FORMAT, eventLine, headerLine } from '../src/modules/audit/export-format.js';
import { EMPTY_FRONTIER, extend, leafHash, rootHash } from '../src/modules/audit/merkle-log.js';

export const VERIFICATION_AIM = { seconds: 60, megabytes: 200 } as const;

export interface Verification {
  readonly events: number;
  readonly seconds: number;
  /** The most that the process held. */
  readonly megabytes: number;
}

const ORIGIN = 'bench.example/audit';
const SIGNED_EVERY = 10_000;
const LOOK_EVERY_MS = 50;

export async function measureVerification(events: number): Promise<Verification> {
  const folder = mkdtempSync(join(tmpdir(), 'legate-verification-'));
  try {
    await writeExport(folder, events);
    const started = performance.now();
    const child = spawn(process.execPath, [
      resolve(import.meta.dirname, '../cli/legate.js'), 'audit', 'verify', join(folder, 'export'), '--checkpoint', join(folder, 'checkpoints'), '--key', join(folder, 'keys'),
    ], { stdio: ['ignore', 'ignore', 'inherit'] });
    let megabytes = 0;
    const looking = setInterval(() => { megabytes = Math.max(megabytes, residentMegabytes(child.pid!)); }, LOOK_EVERY_MS);
    const [code] = await once(child, 'exit') as [number];
    clearInterval(looking);
    if (code !== 0) throw new Error(`the export was not proven: exit code ${code}`);
    return { events, seconds: (performance.now() - started) / 1000, megabytes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As a server writes it that issues tokens and nothing else. */
async function writeExport(folder: string, events: number): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(folder, 'keys'), `${verifierKey(ORIGIN, publicKey)}\n`);
  const file = createWriteStream(join(folder, 'export'));
  file.write(`${headerLine({ format: EXPORT_FORMAT, origin: ORIGIN, organization_id: null, first: 0, frontier: [], size: events, exported_at: new Date(0).toISOString() })}\n`);
  let frontier = EMPTY_FRONTIER;
  let notes = '';
  for (let sequence = 0; sequence < events; sequence += 1) {
    const body = eventText(sequence);
    const hash = leafHash(body);
    frontier = extend(frontier, [hash]);
    if (!file.write(`${eventLine(sequence, hash, body)}\n`)) await once(file, 'drain');
    if (frontier.size % SIGNED_EVERY === 0 || frontier.size === events) notes += `${signCheckpoint({ origin: ORIGIN, size: frontier.size, root: rootHash(frontier) }, ORIGIN, privateKey)}\n`;
  }
  file.end();
  await once(file, 'finish');
  writeFileSync(join(folder, 'checkpoints'), notes);
}

function eventText(sequence: number): string {
  const id = `0193f3a0-0000-7000-8000-${sequence.toString(16).padStart(12, '0')}`;
  return JSON.stringify({
    id, time: '2026-01-01T00:00:00.000Z', source: { ip: '10.0.0.1', request_id: id, user_agent: 'node' }, type: 'token.issued', outcome: 'success', organization_id: id,
    actor: { kind: 'agent', id, client_id: id }, subject: id, target: { kind: 'access_token', id }, task_id: id, token_id: id,
    details: { grant_type: 'client_credentials', audience: 'https://api.example/v1', scope: 'calendar:read mail:read files:read:shared', decision: { id, policies: ['default:agents-get-what-they-are-assigned'] } },
  });
}

/** Linux tells; elsewhere it is not known. */
function residentMegabytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
