import type { KoaContextWithOIDC } from 'oidc-provider';
import { PROTOCOL_ROUTES } from './protocol-routes.js';

const FRONT_CHANNEL = [PROTOCOL_ROUTES.authorization, PROTOCOL_ROUTES.end_session];

/**
 * What the library leaves unsaid. An address with what a client asked for, or with a code, is named to no page that a redirect
 * leads to (RFC 9700 section 4.2.4). And nobody keeps the answer to a POST, be it that of a revocation.
 */
export async function discreetAnswers(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  if (ctx.method === 'POST') ctx.set('Cache-Control', 'no-store');
  if (FRONT_CHANNEL.some((path) => ctx.path.startsWith(path))) ctx.set('Referrer-Policy', 'no-referrer');
  await next();
}
