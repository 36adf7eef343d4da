import { createHash, randomBytes } from 'node:crypto';
import { post, type Answer } from './api.js';
import { FormBrowser } from './browser.js';
import type { Credentials, PublicClient } from './people.js';
import type { ServerAddress } from './server.js';

type Address = Pick<ServerAddress, 'issuer'>;

/** One person with one public client at one browser, step by step. */
export class CodeFlow {
  readonly browser = new FormBrowser();

  /** @param scope all that the client and the person's role allow when it is left out, and no `openid` */
  constructor(private readonly server: Address, private readonly client: PublicClient, private readonly person: Credentials, private readonly scope?: string) {}

  authorizationUrl(challenge: string): string {
    const url = new URL('/api/oauth/authorize', this.server.issuer);
    url.search = new URLSearchParams({
      response_type: 'code', client_id: this.client.clientId, redirect_uri: this.client.redirectUri, state: 's', code_challenge: challenge, code_challenge_method: 'S256',
      ...(this.scope !== undefined && { scope: this.scope }),
    }).toString();
    return url.href;
  }

  /** A code, not redeemed yet, as the form that redeems it. The person signs in unless the browser is signed in already. */
  async code(): Promise<Record<string, string>> {
    const verifier = randomBytes(32).toString('base64url');
    const callback = await this.browser.authorize(this.authorizationUrl(createHash('sha256').update(verifier).digest('base64url')), this.person);
    const code = callback.searchParams.get('code');
    if (!code) throw new Error(`no code: ${callback.search}`);
    return { grant_type: 'authorization_code', code, redirect_uri: this.client.redirectUri, client_id: this.client.clientId, code_verifier: verifier };
  }

  redeem(code: Record<string, string>, node: Address = this.server): Promise<Answer> {
    return post(node, '/api/oauth/token', code);
  }

  async tokens(): Promise<{ accessToken: string; refreshToken: string }> {
    const { status, body } = await this.redeem(await this.code());
    if (status !== 200) throw new Error(`no tokens: ${JSON.stringify(body)}`);
    return { accessToken: String(body['access_token']), refreshToken: String(body['refresh_token']) };
  }

  refresh(refreshToken: string, node: Address = this.server): Promise<Answer> {
    return post(node, '/api/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: this.client.clientId });
  }

  /** Whether the browser's session is asked to sign in again. */
  async isAskedToSignIn(): Promise<boolean> {
    return (await this.browser.open(this.authorizationUrl('x'.repeat(43)))).html.includes('id="login-submit"');
  }
}
