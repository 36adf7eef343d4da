import { Injectable } from '@nestjs/common';
import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';
import { requestContext } from '../platform/http/request-context.js';
import { newNonce, pageHeaders, type PageHeaderOptions } from './pages/page-headers.js';
import { Pages } from './pages/pages.js';
import { PROTOCOL_ROUTES } from './protocol-routes.js';

/** The pages that the library itself answers with, in our own dress. */
@Injectable()
export class ProtocolPages {
  constructor(private readonly pages: Pages) {}

  /** For people who followed a link that cannot work; clients are told by redirect wherever the redirect URI can be trusted. */
  async error(ctx: KoaContextWithOIDC, out: ErrorOut, _error: Error): Promise<void> {
    this.send(ctx, (nonce) => this.pages.error(nonce, {
      title: 'This request cannot go on',
      message: out.error_description ?? 'The application sent something that this server cannot accept.',
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
    this.send(ctx, (nonce) => this.pages.signedOut(nonce));
  }

  private send(ctx: KoaContextWithOIDC, render: (nonce: string) => string, options?: PageHeaderOptions): void {
    const nonce = newNonce();
    ctx.set(pageHeaders(nonce, options));
    ctx.body = render(nonce);
  }
}
