import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The web site of a client: it keeps what browsers bring to `/callback`, and shows an empty page everywhere. */
export interface ClientSite {
  readonly origin: string;
  readonly callback: string;
  /** Parameters of each visit to the callback, from the address or the form, oldest first. */
  readonly visits: readonly { readonly method: string; readonly parameters: Readonly<Record<string, string>> }[];
  close(): Promise<void>;
}

export async function startClientSite(): Promise<ClientSite> {
  const visits: { method: string; parameters: Record<string, string> }[] = [];
  const site = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://client');
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => { body.push(chunk); });
    request.on('end', () => {
      const text = request.method === 'POST' ? Buffer.concat(body).toString() : url.search;
      if (url.pathname === '/callback') visits.push({ method: request.method ?? '', parameters: Object.fromEntries(new URLSearchParams(text)) });
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>The client</title><link rel="icon" href="data:,"><p id="client">Back at the client.');
    });
  }).listen(0, '127.0.0.1');
  await once(site, 'listening');
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  return {
    origin, callback: `${origin}/callback`, visits,
    close: async () => {
      site.closeAllConnections();
      site.close();
      await once(site, 'close');
    },
  };
}
