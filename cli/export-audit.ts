import { createWriteStream, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Failure } from './failure.js';
import { progressBar } from './progress-bar.js';

export interface ExportOptions {
  readonly server: string;
  readonly tokenFile?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly format: string;
  readonly after?: string;
  readonly all?: boolean;
  readonly output?: string;
}

/** `legate audit export`. @throws Failure when there is none, or not a whole one */
export async function exportAudit(options: ExportOptions): Promise<void> {
  const server = options.server.replace(/\/+$/, '');
  const token = await tokenOf(server, options);
  const query = new URLSearchParams({
    format: options.format, ...(options.after === undefined ? {} : { after: options.after }), ...(options.all ? { organization: 'all' } : {}),
  });
  const response = await ask(`${server}/api/admin/audit/export?${query}`, { headers: { authorization: `Bearer ${token}` } });
  const output = options.output === undefined ? process.stdout : createWriteStream(options.output, { flags: 'wx', mode: 0o600 });
  try {
    await pipeline(Readable.fromWeb(response.body as ReadableStream), reportProgress, output, { end: options.output !== undefined });
    if (options.output !== undefined) await finished(output).catch(() => undefined);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new Failure(`${options.output} is there already; choose another name.`, 2);
    throw new Failure(`The export ended before it was whole: ${reasonOf(error)}.`);
  }
}

/** Reads along: the first line says how many events the export is about, each other one how far it is. */
async function* reportProgress(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bar: ReturnType<typeof progressBar> | undefined;
  for await (const chunk of input) {
    bar ??= progressBar('Exporting', Number(/"size":(\d+)/.exec(chunk.subarray(0, 8192).toString('latin1'))?.[1]));
    const last = chunk.lastIndexOf('\n{"sequence":');
    if (last >= 0) bar.reach(Number.parseInt(chunk.subarray(last + 13, last + 30).toString('latin1'), 10));
    yield chunk;
  }
  bar?.end('Exported');
}

async function tokenOf(server: string, options: ExportOptions): Promise<string> {
  if (options.tokenFile !== undefined) return read(options.tokenFile);
  if (options.clientId === undefined || options.clientSecretFile === undefined) throw new Failure('Name --token-file, or --client-id and --client-secret-file.', 2);
  const credentials = [options.clientId, read(options.clientSecretFile)].map(formEncoded).join(':');
  const response = await ask(`${server}/api/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'audit:read' }),
  });
  return (await response.json() as { access_token: string }).access_token;
}

async function ask(url: string, request: RequestInit): Promise<Response> {
  const response = await fetch(url, request).catch((error: unknown) => { throw new Failure(`${new URL(url).origin} cannot be reached: ${reasonOf(error)}.`); });
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({})) as { detail?: string; error_description?: string };
  throw new Failure(`The server refused it (${response.status}): ${answer.detail ?? answer.error_description ?? response.statusText}`);
}

/** RFC 6749 section 2.3.1: both are form-encoded first. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8').trim();
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${reasonOf(error)}.`, 2);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
