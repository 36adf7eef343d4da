const FORM = 'application/x-www-form-urlencoded';
const PATIENCE_MS = 10_000;

export type Answer = Record<string, unknown>;

/** HTTP Basic credentials (RFC 6749 section 2.3.1). */
export function basic(clientId: string, secret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
}

/** @throws when the answer is not 2xx */
export function postForm(url: string, authorization: string, body: string): Promise<Answer> {
  return send(url, { method: 'POST', headers: { authorization, 'content-type': FORM }, body });
}

/** @throws when the answer is not 2xx */
export function postJson(url: string, token: string, body: object, patience = PATIENCE_MS): Promise<Answer> {
  return send(url, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify(body) }, patience);
}

async function send(url: string, init: RequestInit, patience = PATIENCE_MS): Promise<Answer> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(patience) });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${text.slice(0, 500)}`);
  return text === '' ? {} : JSON.parse(text) as Answer;
}
