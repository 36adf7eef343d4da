import type { ErrorOut, KoaContextWithOIDC, Provider } from 'oidc-provider';
import { KEPT_SESSION, type ProtocolPages } from './protocol-pages.service.js';
import { replaceResponseMode } from './provider-internals.js';
import { PROTOCOL_ROUTES } from './protocol-routes.js';

/** What the library keeps in a session while somebody signs out. */
interface SignOutState {
  readonly secret: string;
}

/**
 * Lets no page of the library reach a person. Most are ours by configuration; three are forms that it writes itself, in plain
 * HTML and without a policy:
 * 1. an authorization response by `response_mode=form_post` (OAuth 2.0 Form Post Response Mode);
 * 2. signing out when nobody is signed in: there is nothing to confirm, so the browser goes on at once;
 * 3. signing in as somebody else than the session's person: that session has to end first.
 *
 * And it shows whoever stays signed in the page of those who signed out: ours is told which it is. Nor does JSON reach a person:
 * what goes wrong after the library has written its answer is an object, and shown as a page to who accepts one.
 */
export function useOwnPages(provider: Provider, pages: ProtocolPages): void {
  replaceResponseMode(provider, 'form_post', (ctx, redirectUri, payload) => { pages.handOver(ctx, redirectUri, payload); });
  provider.use(async (context, next) => {
    await next();
    const ctx = context as KoaContextWithOIDC;
    if (ctx.oidc?.route === 'end_session_confirm') tellWhoStays(ctx);
    if (ctx.status === 503 && isError(ctx.body) && ctx.accepts('json', 'html') === 'html') await pages.error(ctx, ctx.body);
    if (ctx.type !== 'text/html' || ctx.status !== 200 || pages.areFrom(ctx)) return;
    if (ctx.oidc.route === 'end_session') goOn(ctx);
    else if (ctx.oidc.route === 'resume') endSessionBefore(ctx, pages);
  });
}

function isError(body: unknown): body is ErrorOut {
  return typeof body === 'object' && body !== null && 'error' in body;
}

/** The library has checked the address before it wrote its form. */
function goOn(ctx: KoaContextWithOIDC): void {
  const { post_logout_redirect_uri: registered, state } = ctx.oidc.params as { post_logout_redirect_uri?: string; state?: string };
  const target = new URL(registered ?? `${PROTOCOL_ROUTES.end_session}/success`, ctx.oidc.issuer);
  if (registered && state !== undefined) target.searchParams.set('state', state);
  ctx.redirect(target.href);
  ctx.status = 303;
}

function tellWhoStays(ctx: KoaContextWithOIDC): void {
  if (ctx.status !== 303 || ctx.oidc.params?.['logout'] !== undefined) return;
  const target = new URL(ctx.response.get('location'), ctx.oidc.issuer);
  if (target.origin !== ctx.oidc.issuer || target.pathname !== `${PROTOCOL_ROUTES.end_session}/success`) return;
  target.searchParams.set(KEPT_SESSION, 'kept');
  ctx.set('location', target.href);
}

function endSessionBefore(ctx: KoaContextWithOIDC, pages: ProtocolPages): void {
  const { secret } = (ctx.oidc.session as unknown as { state: SignOutState }).state;
  pages.handOver(ctx, `${PROTOCOL_ROUTES.end_session}/confirm`, { xsrf: secret, logout: 'yes' });
}
