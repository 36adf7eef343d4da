import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Children that must not outlive us, whatever ends us. */
const alive = new Set<ChildProcess>();
process.on('exit', () => { for (const child of alive) child.kill('SIGKILL'); });

export interface ServerProcess {
  readonly pid: number;
  /** Everything the server wrote, for a failure report. */
  output(): string;
  stop(): Promise<void>;
}

/**
 * Starts a Node process and waits until `isReady` says so.
 *
 * @throws with the server's output when it ends first or is not ready within 60 seconds
 */
export async function startServer(
  name: string, file: string, environment: Record<string, string>, isReady: () => Promise<boolean>, nodeOptions: readonly string[] = [],
): Promise<ServerProcess> {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [...nodeOptions, file], {
    env: { ...definedOnly({ PATH, HOME, TMPDIR }), NODE_ENV: 'production', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  alive.add(child);
  let output = '';
  const collect = (chunk: Buffer): void => { output = (output + chunk.toString()).slice(-20_000); };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const ended = new Promise<void>((resolve) => { child.once('exit', () => { alive.delete(child); resolve(); }); });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin.end();
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(force);
  };

  const deadline = performance.now() + 60_000;
  while (!(await isReady().catch(() => false))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${name} ended while starting:\n${output}`);
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`${name} was not ready within 60 seconds:\n${output}`);
    }
    await sleep(50);
  }
  return { pid: child.pid ?? 0, output: () => output, stop };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const address = server.address();
  await new Promise((resolve) => { server.close(resolve); });
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

function definedOnly(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
