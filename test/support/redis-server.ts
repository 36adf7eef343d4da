import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { freePort } from './server.js';

/** A Redis of one's own, to do to it what must not be done to one that others use. */
export interface RedisServer {
  readonly url: string;
  /** It is gone at once, with all that it knew. */
  kill(): Promise<void>;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Connections stay open, and nothing answers on them. */
  freeze(): void;
  thaw(): void;
  empty(): Promise<void>;
  /** Stops it and removes its files. */
  remove(): Promise<void>;
}

const PROGRAM = 'redis-server';

export function hasRedis(): boolean {
  return spawnSync(PROGRAM, ['--version']).status === 0;
}

export async function startRedis(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'legate-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let server: ChildProcess | undefined;

  const ask = async (command: string) => {
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.sendCommand([command]);
    } finally {
      client.destroy();
    }
  };
  const start = async () => {
    server = spawn(PROGRAM, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder], { stdio: 'ignore' });
    for (let tries = 0; ; tries += 1) {
      try {
        await ask('PING');
        return;
      } catch (error) {
        if (tries > 200) throw error;
        await new Promise((resolve) => { setTimeout(resolve, 25); });
      }
    }
  };
  const kill = async () => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    url, start, kill,
    freeze: () => { server!.kill('SIGSTOP'); },
    thaw: () => { server!.kill('SIGCONT'); },
    empty: () => ask('FLUSHALL'),
    remove: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
