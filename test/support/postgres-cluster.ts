import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { Client } from 'pg';
import { freePort } from './server.js';

/** A PostgreSQL server of one's own, to do to it what must not be done to one that others use. */
export interface PostgresCluster {
  /** Of its database `postgres`, which is empty at first. */
  readonly url: string;
  /** Stops every process of it in its tracks: connections stay open, and nothing answers on them. */
  freeze(): void;
  thaw(): void;
  /** `fast` ends sessions and then itself in order; `immediate` is a crash, from which the next start recovers. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Every process of it is gone at once, with all that was in memory. */
  kill(): Promise<void>;
  isRunning(): boolean;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Stops it and removes its files. */
  remove(): Promise<void>;
}

export interface ClusterOptions {
  /** Folders to lie elsewhere, on file systems that are the suite's own. */
  readonly dataOn?: string;
  readonly walOn?: string;
}

/** What a process is started as: PostgreSQL refuses to run as root. */
interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/**
 * A suite that starts PostgreSQL servers of its own. Where that cannot be done it is reported as skipped, with the reason in
 * its name; in CI it fails instead.
 */
export function describeWithPostgres(title: string, suite: (createCluster: (options?: ClusterOptions) => Promise<PostgresCluster>) => void): void {
  const binaries = binariesFolder();
  const account = unprivilegedAccount();
  if (binaries && account) return void describe(title, () => { suite((options) => createCluster(binaries, account, options)); });
  const reason = binaries ? 'root cannot run PostgreSQL, and there is no user "postgres"' : 'no PostgreSQL here; name the folder of its programs in POSTGRES_BIN';
  if (process.env['CI']) return void describe(title, () => { it('has a PostgreSQL', () => { throw new Error(reason); }); });
  process.stderr.write(`Skipped: ${title}: ${reason}\n`);
  return void describe.skip(`${title} (${reason})`, () => { suite(() => Promise.reject(new Error(reason))); });
}

async function createCluster(binaries: string, account: Account, { dataOn, walOn }: ClusterOptions = {}): Promise<PostgresCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'legate-cluster-'));
  chmodSync(folder, 0o700);
  for (const own of [folder, dataOn, walOn]) if (own !== undefined && account.uid !== undefined) chownSync(own, account.uid, account.gid!);
  const data = join(dataOn ?? folder, 'data');
  const wal = walOn === undefined ? [] : ['-X', join(walOn, 'wal'), '--wal-segsize=1'];
  const environment = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' };
  execFileSync(join(binaries, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', ...wal], { ...account, cwd: folder, env: environment, stdio: 'ignore' });
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let postmaster: ChildProcess | undefined;

  const isRunning = () => postmaster !== undefined && postmaster.exitCode === null && postmaster.signalCode === null;
  const signalAll = (signal: NodeJS.Signals) => { for (const pid of withChildren(postmaster!.pid!)) process.kill(pid, signal); };
  const start = async () => {
    const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'shared_buffers=32MB'].flatMap((setting) => ['-c', setting]);
    postmaster = spawn(join(binaries, 'postgres'), ['-D', data, '-p', String(port), ...settings], { ...account, cwd: folder, env: environment, stdio: 'ignore' });
    await untilItAnswers(url, isRunning);
  };
  const stop = async (mode: keyof typeof STOP_SIGNALS) => {
    if (!isRunning()) return;
    const ended = once(postmaster!, 'exit');
    postmaster!.kill(STOP_SIGNALS[mode]);
    await ended;
  };
  const kill = async () => {
    const ended = once(postmaster!, 'exit');
    // The postmaster first, which so starts nothing anew.
    signalAll('SIGKILL');
    await ended;
  };
  await start();
  return {
    url, start, stop, kill, isRunning,
    // The postmaster first: it must not fork while its children are counted.
    freeze: () => { process.kill(postmaster!.pid!, 'SIGSTOP'); signalAll('SIGSTOP'); },
    thaw: () => signalAll('SIGCONT'),
    remove: async () => {
      if (isRunning()) signalAll('SIGCONT');
      await stop('immediate');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilItAnswers(url: string, isRunning: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && isRunning()) {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return;
    } catch {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  throw new Error('the PostgreSQL of this test does not answer');
}

/** A process and those that it started itself, as Linux lists them. */
function withChildren(parent: number): number[] {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === parent).map(Number);
  return [parent, ...children];
}

function parentOf(pid: string): number | undefined {
  try {
    // The second field is the name in parentheses, which may hold anything.
    return Number(/^.*\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

function binariesFolder(): string | undefined {
  const named = process.env['POSTGRES_BIN'];
  if (named) return named;
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  return [...versions.map((version) => join(debian, version, 'bin')), ...(process.env['PATH'] ?? '').split(delimiter)]
    .find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

function unprivilegedAccount(): Account | undefined {
  if (userInfo().uid !== 0) return {};
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((entry) => entry.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}
