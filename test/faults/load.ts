import { call, post } from '../support/api.js';
import type { TestServer } from '../support/server.js';

/** What a client was told. */
export interface Told {
  readonly kind: string;
  /** When it was asked and when the answer was there, whole. Milliseconds, as of `performance.now()`. */
  readonly from: number;
  readonly to: number;
  /** 0 when there was no answer. */
  readonly status: number;
  /** The stable code of a refusal. */
  readonly code?: string;
  readonly headers?: Headers;
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface LoadParts {
  readonly server: TestServer;
  /** Of a client that may have tokens of the API. */
  readonly basic: [string, string];
  /** Lives longer than the test, and may register agents. */
  readonly token: string;
  /** Secret of an active agent. */
  readonly apiKey: string;
  /** Where a browser begins to sign in. */
  readonly authorizationUrl: string;
}

/** Nobody waits longer than this: what takes longer counts as hanging. */
const PATIENCE_MS = 40_000;
const PAUSE_MS = 60;
const PROBE_MS = 250;

/**
 * A light load of every kind that has to do with the database, and the two probes, as long as it is not stopped. Each kind
 * is asked one request after the other in a few loops, so a server that answers late is asked less.
 */
export class Load {
  readonly told: Told[] = [];
  /** Ids of tokens and agents that somebody was told they have. */
  readonly issued = new Set<string>();
  readonly registered = new Set<string>();
  /** What no outage excuses: an answer that says something untrue. */
  readonly lies: string[] = [];
  private readonly loops: Promise<void>[] = [];
  private isOver = false;

  constructor(private readonly parts: LoadParts) {}

  start(): void {
    const { server, basic, token, apiKey, authorizationUrl } = this.parts;
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    this.repeat('token', 6, PAUSE_MS, async () => this.noteToken(await post(server, '/api/oauth/token', { grant_type: 'client_credentials', scope: 'weather:read' }, { basic })));
    this.repeat('login', 2, PAUSE_MS, async () => this.noteToken(await call(server, 'POST', '/api/auth/login', { body: { api_key: apiKey } })));
    this.repeat('introspection', 4, PAUSE_MS, async () => this.noteIntrospection(await post(server, '/api/oauth/introspect', { token }, { basic: ['bootstrap', server.clientSecret] })));
    this.repeat('registration', 2, PAUSE_MS, async () => this.noteAgent(await call(server, 'POST', '/api/agents/register', { ...bearer, body: { agent_name: `agent ${Math.random()}` } })));
    this.repeat('sign-in page', 2, PAUSE_MS, () => signInPage(authorizationUrl));
    this.repeat('live', 1, PROBE_MS, () => call(server, 'GET', '/health/live'));
    this.repeat('ready', 1, PROBE_MS, () => call(server, 'GET', '/health/ready'));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  private repeat(kind: string, atOnce: number, pauseMs: number, ask: () => Promise<Reply>): void {
    const loop = async () => {
      while (!this.isOver) {
        this.told.push(await timed(kind, ask));
        await new Promise((resolve) => { setTimeout(resolve, pauseMs); });
      }
    };
    this.loops.push(...Array.from({ length: atOnce }, loop));
  }

  private noteToken(reply: Reply): Reply {
    if (reply.status === 200) this.issued.add(String(reply.body['token_id']));
    return reply;
  }

  private noteAgent(reply: Reply): Reply {
    if (reply.status === 201) this.registered.add(String((reply.body['agent'] as { id: string }).id));
    return reply;
  }

  private noteIntrospection(reply: Reply): Reply {
    if (reply.status === 200 && reply.body['active'] !== true) this.lies.push('a live token was called inactive');
    return reply;
  }
}

async function timed(kind: string, ask: () => Promise<Reply>): Promise<Told> {
  const from = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => { timer = setTimeout(() => resolve(undefined), PATIENCE_MS); });
  const reply = await Promise.race([ask().catch(() => undefined), late]);
  clearTimeout(timer);
  const code = reply && (reply.body['code'] ?? reply.body['error']);
  return { kind, from, to: performance.now(), status: reply?.status ?? 0, headers: reply?.headers, code: typeof code === 'string' ? code : undefined };
}

/** As a browser: the authorization request, and the page that it leads to. */
async function signInPage(authorizationUrl: string): Promise<Reply> {
  const first = await fetch(authorizationUrl, { redirect: 'manual', headers: { accept: 'text/html' } });
  const location = first.headers.get('location');
  if (first.status !== 303 || !location) return { status: first.status, headers: first.headers, body: { html: await first.text() } };
  await first.text();
  const target = new URL(location, authorizationUrl);
  // Back at the client, which is told in the redirect (RFC 6749 section 4.1.2.1).
  const error = target.searchParams.get('error');
  if (error) return { status: error === 'temporarily_unavailable' ? 503 : 500, headers: new Headers({ 'retry-after': 'no page, no header', 'content-type': 'text/html' }), body: { error } };
  const cookie = first.headers.getSetCookie().map((line) => line.split(';', 1)[0]).join('; ');
  const page = await fetch(target, { redirect: 'manual', headers: { accept: 'text/html', cookie } });
  const html = await page.text();
  if (page.status === 200 && !html.includes('id="login-submit"')) throw new Error('not the sign-in page');
  return { status: page.status, headers: page.headers, body: { html } };
}
