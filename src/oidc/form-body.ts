import type { IncomingMessage } from 'node:http';

/** As the library's own limit. */
const LIMIT = 56 * 1024;

/**
 * Reads a form-encoded body ahead of the library. Answers undefined, and leaves the stream alone, when it is no form or
 * announces too much: the library then refuses it in its own words.
 */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers['content-type'] ?? '')) return undefined;
  if (Number(request.headers['content-length'] ?? 0) > LIMIT) return undefined;
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    received += chunk.length;
    if (received > LIMIT) break;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

/** Puts a form where the library will read the body from: it takes `readable` for "not read yet" and iterates. */
export function replaceBody(request: IncomingMessage, form: URLSearchParams): void {
  const body = Buffer.from(form.toString());
  request.headers['content-length'] = String(body.length);
  Object.defineProperties(request, {
    readable: { value: true, configurable: true },
    iterator: { value: async function* iterate() { yield body; }, configurable: true },
  });
}
