import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify, type JWTPayload } from 'jose';
import type { ServerAddress } from './server.js';

export const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
export const TOKEN_CLAIMS_CHANGE = 'https://schemas.openid.net/secevent/caep/event-type/token-claims-change';
export const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification';
export const STREAM_UPDATED = 'https://schemas.openid.net/secevent/ssf/event-type/stream-updated';

/** A security event token that was looked at as a stranger would: by the transmitter's metadata and keys alone. */
export interface ReceivedSet extends JWTPayload {
  readonly jti: string;
  readonly txn?: string;
  readonly sub_id: Record<string, unknown>;
  readonly events: Readonly<Record<string, Record<string, unknown>>>;
}

/** Checks tokens of one transmitter for one audience (RFC 8417, Shared Signals 1.0 section 4). */
export async function setVerifier({ issuer }: Pick<ServerAddress, 'issuer'>, audience: string): Promise<(token: string) => Promise<ReceivedSet>> {
  const metadata = await (await fetch(`${issuer}/.well-known/ssf-configuration`)).json() as { issuer: string; jwks_uri: string };
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  return async (token) => {
    const { payload } = await jwtVerify(token, keys, { issuer: metadata.issuer, audience, typ: 'secevent+jwt', requiredClaims: ['jti', 'iat', 'events', 'sub_id'] });
    if (payload.exp !== undefined || payload.sub !== undefined) throw new Error('a security event token must have neither exp nor sub');
    if (Object.keys(payload['events'] as object).length !== 1) throw new Error('a security event token tells of one event');
    return payload as ReceivedSet;
  };
}

export type Answerer = (request: IncomingMessage, response: ServerResponse, token: string) => void;

const TAKES: Answerer = (_request, response) => { response.writeHead(202).end(); };

/** A receiver of pushed tokens (RFC 8935), as somebody else would write it. */
export class PushReceiver {
  /** What it was sent, in order, each time. */
  readonly tokens: string[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  answer: Answerer = TAKES;
  private readonly server: Server;

  private constructor(private readonly port: number, server: Server) {
    this.server = server;
  }

  static async open(port = 0): Promise<PushReceiver> {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new PushReceiver((server.address() as AddressInfo).port, server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => { void receiver.take(request, response); });
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/events`;
  }

  /** What it took, verified. */
  async sets(verify: (token: string) => Promise<ReceivedSet>): Promise<ReceivedSet[]> {
    return Promise.all(this.tokens.map(verify));
  }

  takeAll(): void {
    this.answer = TAKES;
  }

  async close(): Promise<number> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
    return this.port;
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let token = '';
    for await (const chunk of request.setEncoding('utf8')) token += chunk as string;
    this.tokens.push(token);
    this.headers.push(request.headers);
    this.answer(request, response, token);
  }
}

export function typOf(token: string): string | undefined {
  return decodeProtectedHeader(token).typ;
}

/** Waits for something to become true, as long as a slow machine takes. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, patience = 120_000): Promise<void> {
  const deadline = Date.now() + patience;
  while (!await isSo()) {
    if (Date.now() > deadline) throw new Error(`it did not come to be: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 25); });
  }
}
