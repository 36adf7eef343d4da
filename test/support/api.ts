import type { ServerAddress } from './server.js';

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A JSON request to the REST API. */
export async function call<Body = Record<string, unknown>>(
  server: Pick<ServerAddress, 'issuer'>, method: string, path: string, options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  const response = await fetch(`${server.issuer}${path}`, {
    method,
    headers: {
      ...(options.token && { authorization: `Bearer ${options.token}` }),
      ...(options.body !== undefined && { 'content-type': 'application/json' }),
      ...options.headers,
    },
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
  });
  return { status: response.status, headers: response.headers, body: await parsed<Body>(response) };
}

/** A form request to a protocol endpoint. */
export async function post<Body = Record<string, unknown>>(
  server: Pick<ServerAddress, 'issuer'>, path: string, form: Record<string, string> | URLSearchParams, options: { basic?: [string, string]; headers?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  const response = await fetch(`${server.issuer}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(options.basic && { authorization: `Basic ${Buffer.from(options.basic.map(encodeURIComponent).join(':')).toString('base64')}` }),
      ...options.headers,
    },
    body: new URLSearchParams(form).toString(),
  });
  return { status: response.status, headers: response.headers, body: await parsed<Body>(response) };
}

/** An access token of the client `bootstrap`. */
export async function bootstrapToken(server: ServerAddress, scope?: string): Promise<string> {
  const { status, body } = await post(server, '/api/oauth/token', { grant_type: 'client_credentials', ...(scope && { scope }) }, { basic: ['bootstrap', server.clientSecret] });
  if (status !== 200) throw new Error(`the client bootstrap got no token: ${JSON.stringify(body)}`);
  return String(body['access_token']);
}

export async function introspect(server: ServerAddress, token: string): Promise<Record<string, unknown>> {
  const { body } = await post(server, '/api/oauth/introspect', { token }, { basic: ['bootstrap', server.clientSecret] });
  return body;
}

async function parsed<Body>(response: Response): Promise<Body> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    // It has no end.
    await response.body?.cancel();
    return {} as Body;
  }
  const text = await response.text();
  try {
    return (text === '' ? {} : JSON.parse(text)) as Body;
  } catch {
    return { text } as Body;
  }
}
