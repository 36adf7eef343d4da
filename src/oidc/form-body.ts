import type { IncomingMessage } from 'node:http';

/** The library's own limit; it refuses what is longer, in its own words. */
const LIMIT = 56 * 1024;

const BODY = Symbol('body');

/** Undefined when the connection was lost before its end. */
type BufferedRequest = IncomingMessage & { [BODY]?: Promise<Buffer | undefined> };

/**
 * Gathers the body of a request for whoever reads it: ourselves, and the library after us if it is asked at all
 * (`offerBody`). Two listeners cost a fifth of what the stream's own iterator does, on every token request.
 */
export function bufferBody(request: BufferedRequest): void {
  if (request.method !== 'POST') return;
  request[BODY] = new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let received = 0;
    request.on('data', (chunk: Buffer) => {
      // One byte more than the limit is enough for the library to refuse it; the rest is drained and forgotten.
      if (received <= LIMIT) chunks.push(chunk);
      received += chunk.length;
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    const lost = () => resolve(undefined);
    request.on('error', lost);
    request.on('close', lost);
  });
}

/** The fields of a form; undefined when the request is none, or too long. The library then refuses it. */
export async function readForm(request: BufferedRequest): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers['content-type'] ?? '')) return undefined;
  const text = textOf(await request[BODY]);
  return text === undefined ? undefined : new URLSearchParams(text);
}

/** The text of a body; undefined when it is too long. */
export async function readText(request: BufferedRequest): Promise<string | undefined> {
  return textOf(await request[BODY]);
}

function textOf(body: Buffer | undefined): string | undefined {
  return body === undefined || body.length > LIMIT ? undefined : body.toString('utf8');
}

/** Has the library read this form instead of the one that was sent. */
export function replaceBody(request: BufferedRequest, form: URLSearchParams): void {
  const body = Buffer.from(form.toString());
  request.headers['content-length'] = String(body.length);
  request[BODY] = Promise.resolve(body);
}

/** Has the library read what was gathered. It takes `readable` for "not read yet", and then reads from `iterator`. */
export function offerBody(request: BufferedRequest): void {
  if (!request[BODY]) return;
  Object.defineProperties(request, {
    readable: { value: true, configurable: true },
    iterator: {
      value: async function* iterate() {
        const body = await request[BODY];
        if (!body) throw new Error('the connection was closed');
        yield body;
      },
      configurable: true,
    },
  });
}
