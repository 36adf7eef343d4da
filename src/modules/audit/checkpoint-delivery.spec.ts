import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { throwawayDatabase, type ThrowawayDatabase } from '../../../test/support/throwaway-database.js';
import { Config, environmentSchema, type Environment } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { Background } from '../../platform/database/background.js';
import { AuditKeys } from './audit-keys.service.js';
import { AuditLog } from './audit-log.service.js';
import { CheckpointDelivery } from './checkpoint-delivery.service.js';
import { CheckpointFile } from './checkpoint-file.service.js';
import { openCheckpoint, splitNotes } from './checkpoint-note.js';
import { Checkpoints } from './checkpoints.service.js';
import { LogHashes } from './log-hashes.service.js';

interface Heard { method: string; url: string; headers: IncomingMessage['headers']; body: string }

let database: ThrowawayDatabase;
let receiver: Server;
let base: string;
let folder: string;
const heard: Heard[] = [];
let answer = 200;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await throwawayDatabase([]);
  folder = mkdtempSync(join(tmpdir(), 'legate-delivery-'));
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      heard.push({ method: request.method!, url: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => { receiver.listen(0, '127.0.0.1', resolve); });
  base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await new Promise((resolve) => { receiver.close(resolve); });
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function node(environment: Partial<Record<keyof Environment, string>>) {
  const config = new Config(environmentSchema.parse({ LEGATE_DATA_DIR: folder, ...environment }));
  const { dataSource } = database;
  const background = new Background(dataSource);
  const audit = new AuditLog(dataSource, database.pool);
  const keys = new AuditKeys(dataSource, new MasterKey(Buffer.from('0123456789abcdef0123456789ABCDEF')), config);
  const file = new CheckpointFile(config);
  const checkpoints = new Checkpoints(dataSource, background, config, keys, new LogHashes(dataSource, background), file, audit);
  return { audit, keys, file, checkpoints, delivery: new CheckpointDelivery(config, dataSource, checkpoints, keys, file) };
}

async function sign({ audit, checkpoints }: Pick<ReturnType<typeof node>, 'audit' | 'checkpoints'>): Promise<number> {
  await audit.record({ type: 'token.refused', outcome: 'refused', organization_id: null, actor: { kind: 'anonymous' } });
  return (await checkpoints.upToDate())!.size;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    if (tries > 400) throw new Error('it did not happen within 20 s');
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

describe('a checkpoint', () => {
  it('is appended to the file once, in order, by each node', async () => {
    const nodes = ['one', 'two'].map((name) => node({ LEGATE_AUDIT_CHECKPOINT_FILE: join(folder, name) }));
    const sizes = [await sign(nodes[0]!), await sign(nodes[0]!)];
    for (const { delivery } of nodes) await delivery.deliverToFile();
    sizes.push(await sign(nodes[1]!));
    for (const { delivery } of nodes) { await delivery.deliverToFile(); await delivery.deliverToFile(); }
    for (const { file, keys } of nodes) {
      const verifiers = await keys.verifiers();
      expect(splitNotes(readFileSync(file.path, 'utf8')).map((note) => openCheckpoint(note, verifiers)!.size)).toEqual(sizes);
    }
  });

  it('is appended after one that a crash has cut short', async () => {
    const { delivery, file, ...rest } = node({ LEGATE_AUDIT_CHECKPOINT_FILE: join(folder, 'cut') });
    await delivery.deliverToFile();
    const whole = readFileSync(file.path, 'utf8');
    writeFileSync(file.path, whole.slice(0, -60));
    const size = await sign(rest);
    await delivery.deliverToFile();
    const verifiers = await rest.keys.verifiers();
    const found = splitNotes(readFileSync(file.path, 'utf8')).map((note) => openCheckpoint(note, verifiers)?.size).filter((known) => known !== undefined);
    expect(found.at(-1)).toBe(size);
    expect(new Set(found)).toEqual(new Set((await rest.checkpoints.list(100)).map(({ size: known }) => known)));
  });

  it('reaches a webhook with its token, again until it is taken, and then once', async () => {
    answer = 503;
    heard.length = 0;
    const { delivery, ...rest } = node({ LEGATE_AUDIT_CHECKPOINT_FILE: join(folder, 'hook'), LEGATE_AUDIT_WEBHOOK_URL: `${base}/hook`, LEGATE_AUDIT_WEBHOOK_TOKEN: 'a token of the receiver' });
    const size = await sign(rest);
    delivery.onApplicationBootstrap();
    await until(() => heard.length >= 2);
    expect(heard[1]!.body).toBe(heard[0]!.body);
    answer = 200;
    const verifiers = await rest.keys.verifiers();
    await until(() => heard.some(({ body }) => openCheckpoint(body, verifiers)?.size === size));
    await delivery.beforeApplicationShutdown();
    const taken = heard.slice(heard.map(({ body }) => body).lastIndexOf(heard[0]!.body)).map(({ body }) => openCheckpoint(body, verifiers)!.size);
    expect(taken).toEqual((await rest.checkpoints.list(100)).map(({ size: known }) => known).reverse());
    expect(heard[0]).toMatchObject({ method: 'POST', url: '/hook', headers: { authorization: 'Bearer a token of the receiver', 'content-type': 'text/plain; charset=utf-8' } });
  });

  it('becomes an object whose name sorts by size, under a signature of AWS version 4', async () => {
    heard.length = 0;
    const { delivery, ...rest } = node({
      LEGATE_AUDIT_CHECKPOINT_FILE: join(folder, 'objects'), LEGATE_AUDIT_OBJECT_URL: `${base}/bucket/legate`, LEGATE_AUDIT_OBJECT_REGION: 'eu-central-1',
      LEGATE_AUDIT_OBJECT_ACCESS_KEY_ID: 'AKIDEXAMPLE', LEGATE_AUDIT_OBJECT_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    });
    const size = await sign(rest);
    delivery.onApplicationBootstrap();
    await until(() => heard.some(({ url }) => url.endsWith(String(size).padStart(16, '0'))));
    await delivery.beforeApplicationShutdown();
    expect(heard.map(({ url }) => url)).toEqual(heard.map(({ url }) => url).sort());
    expect(heard[0]).toMatchObject({ method: 'PUT', headers: { authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=/) as string } });
  });

  it('is sent by one node at a time, however many there are', async () => {
    heard.length = 0;
    const nodes = Array.from({ length: 3 }, (_, at) => node({ LEGATE_AUDIT_CHECKPOINT_FILE: join(folder, `node${at}`), LEGATE_AUDIT_WEBHOOK_URL: `${base}/shared` }));
    await sign(nodes[0]!);
    for (const { delivery } of nodes) delivery.onApplicationBootstrap();
    const all = (await nodes[0]!.checkpoints.list(100)).length;
    await until(() => heard.length >= all);
    await new Promise((resolve) => { setTimeout(resolve, 1500); });
    for (const { delivery } of nodes) await delivery.beforeApplicationShutdown();
    expect(heard).toHaveLength(all);
  });
});
