import type { IncomingMessage } from 'node:http';

/** The library's own limit; it refuses what is longer, in its own words. */
const LIMIT = 56 * 1024;

const BODY = Symbol('body');

type BufferedRequest = IncomingMessage & { [BODY]?: Promise<Buffer> };

/**
 * Gathers the body of a request for whoever reads it: the library, which iterates over the request, and ourselves ahead of
 * it. Two listeners cost a fifth of what the stream's own iterator does, on every token request.
 */
export function bufferBody(request: BufferedRequest): void {
  if (request.method !== 'POST') return;
  const body = new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      // One byte more than the limit is enough for the library to refuse it; the rest is drained and forgotten.
      if (received <= LIMIT) chunks.push(chunk);
      received += chunk.length;
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the connection was closed')));
  });
  // Nobody may ever ask for it.
  body.catch(() => undefined);
  request[BODY] = body;
  readFrom(request, () => request[BODY]!);
}

/** The fields of a form; undefined when the request is none, or too long. The library then refuses it. */
export async function readForm(request: BufferedRequest): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers['content-type'] ?? '')) return undefined;
  const body = await request[BODY]?.catch(() => undefined);
  return body === undefined || body.length > LIMIT ? undefined : new URLSearchParams(body.toString('utf8'));
}

/** Has the library read this form instead of the one that was sent. */
export function replaceBody(request: BufferedRequest, form: URLSearchParams): void {
  const body = Buffer.from(form.toString());
  request.headers['content-length'] = String(body.length);
  request[BODY] = Promise.resolve(body);
}

/** The library takes `readable` for "not read yet", and then reads from `iterator`. */
function readFrom(request: IncomingMessage, body: () => Promise<Buffer>): void {
  Object.defineProperties(request, {
    readable: { value: true, configurable: true },
    iterator: { value: async function* iterate() { yield await body(); }, configurable: true },
  });
}
