import { getListFromStatusListJWT, getStatusListFromJWT, type StatusList } from '@sd-jwt/jwt-status-list';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { vi } from 'vitest';

/** Far more than a list takes on the slowest machine. */
const PATIENCE = { timeout: 90_000, interval: 250 };

/**
 * A resource server that asks nobody about a token: it fetches the list that the token names, and reads it with a library
 * that knows nothing of this server.
 */
export class StatusListReader {
  private readonly known = new Map<string, { tag: string; list: StatusList }>();

  /** @param node where to ask, when that is not the issuer itself */
  constructor(private readonly issuer: string, private readonly node = issuer) {}

  /** 0 VALID, 1 INVALID. */
  async statusOf(token: string): Promise<number> {
    const { idx, uri } = getStatusListFromJWT(token);
    return (await this.fetch(uri)).getStatus(idx);
  }

  async statusesOf(tokens: readonly string[]): Promise<number[]> {
    const statuses: number[] = [];
    for (const token of tokens) statuses.push(await this.statusOf(token));
    return statuses;
  }

  /** Waits until the tokens have these statuses. */
  async until(tokens: readonly string[], statuses: readonly number[]): Promise<void> {
    await vi.waitFor(async () => expect(await this.statusesOf(tokens)).toEqual(statuses), PATIENCE);
  }

  private async fetch(uri: string): Promise<StatusList> {
    const known = this.known.get(uri);
    const response = await fetch(uri.replace(this.issuer, this.node), { headers: known && { 'if-none-match': known.tag } });
    if (known && response.status === 304) return known.list;
    if (response.status !== 200) throw new Error(`GET ${uri} answered ${response.status}: ${await response.text()}`);
    const text = await response.text();
    const keys = await (await fetch(`${this.node}/api/.well-known/jwks.json`)).json() as JSONWebKeySet;
    await jwtVerify(text, createLocalJWKSet(keys), { typ: 'statuslist+jwt', issuer: this.issuer, subject: uri, algorithms: ['ES256'], requiredClaims: ['iat', 'exp', 'ttl'] });
    const list = getListFromStatusListJWT(text);
    this.known.set(uri, { tag: response.headers.get('etag')!, list });
    return list;
  }
}
