import { Injectable } from '@nestjs/common';
import { errors, type ErrorOut, type KoaContextWithOIDC } from 'oidc-provider';
import { requestContext } from '../platform/http/request-context.js';
import { described } from './error-descriptions.js';
import { newNonce, pageHeaders, type PageHeaderOptions } from './pages/page-headers.js';
import { Pages } from './pages/pages.js';
import { PROTOCOL_ROUTES } from './protocol-routes.js';

/** Says on the way to the last page of a sign-out that the person stays signed in. */
export const KEPT_SESSION = 'session';

const SENTENCES: Readonly<Record<string, string>> = {
  invalid_client: 'This server does not know the application that sent you here, or no longer lets it in.',
  invalid_redirect_uri: 'The application wants its answer at an address that it has not registered.',
  server_error: 'Something went wrong here. It is not your fault, nor the application’s.',
  temporarily_unavailable: 'This server cannot answer at the moment. Try again in a minute.',
};

function sentenceFor(code: string, error?: Error): string {
  if (error instanceof errors.SessionNotFound) return 'This sign-in was finished before, or took too long.';
  return SENTENCES[code] ?? 'The application sent something that this server cannot accept.';
}

/** The pages that the library itself answers with, in our own dress. */
@Injectable()
export class ProtocolPages {
  private readonly sent = new WeakSet<object>();

  constructor(private readonly pages: Pages) {}

  /** For people who followed a link that cannot work; clients are told by redirect wherever the redirect URI can be trusted. */
  async error(ctx: KoaContextWithOIDC, out: ErrorOut, error?: Error): Promise<void> {
    this.send(ctx, (nonce) => this.pages.error(nonce, {
      title: 'This request cannot go on',
      message: sentenceFor(out.error, error),
      detail: described(out).error_description,
      code: out.error,
      requestId: requestContext()?.requestId,
    }));
  }

  async confirmSignOut(ctx: KoaContextWithOIDC): Promise<void> {
    const { secret } = (ctx.oidc.session as unknown as { state: { secret: string } }).state;
    this.send(ctx, (nonce) => this.pages.confirmSignOut(nonce, {
      action: `${PROTOCOL_ROUTES.end_session}/confirm`, xsrf: secret, clientName: ctx.oidc.client?.clientName,
    }), { formActionOrigins: 'any' });
  }

  async signedOut(ctx: KoaContextWithOIDC): Promise<void> {
    this.send(ctx, (nonce) => this.pages.signedOut(nonce, { hasSession: ctx.query[KEPT_SESSION] === 'kept', clientName: ctx.oidc.client?.clientName }));
  }

  /** Takes the browser on with a form: to the client with its answer, or to this server. */
  handOver(ctx: KoaContextWithOIDC, action: string, fields: Readonly<Record<string, unknown>>): void {
    ctx.status = 200;
    this.send(ctx, (nonce) => this.pages.handOver(nonce, {
      action, fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)])),
      clientName: action.startsWith('/') ? undefined : ctx.oidc.client?.clientName ?? new URL(action).host,
    }), { formActionOrigins: 'any', allowScript: true });
  }

  /** Is the answer a page of ours? */
  areFrom(ctx: KoaContextWithOIDC): boolean {
    return this.sent.has(ctx);
  }

  private send(ctx: KoaContextWithOIDC, render: (nonce: string) => string, options?: PageHeaderOptions): void {
    const nonce = newNonce();
    ctx.set(pageHeaders(nonce, options));
    ctx.body = render(nonce);
    this.sent.add(ctx);
  }
}
