import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { DomainError } from '../kernel/domain-error.js';
import type { AuditEvent, AuditEventType } from '../modules/audit/audit-event.js';
import type { AuditLog } from '../modules/audit/audit-log.service.js';
import type { ClientsService } from '../modules/clients/clients.service.js';
import { noteClientUse, clientRecordOf } from './clients.js';
import { stateOf, type RequestState } from './request-state.js';
import { isRefusal, toWireError } from './wire-errors.js';

/** The library's error events, and what we call the refusal. */
const REFUSALS: Readonly<Record<string, AuditEventType>> = {
  'grant.error': 'token.refused',
  'authorization.error': 'authorization.refused',
  'pushed_authorization_request.error': 'authorization.refused',
  'introspection.error': 'introspection.refused',
  'revocation.error': 'revocation.refused',
  'userinfo.error': 'access.refused',
  'end_session.error': 'request.refused',
  'end_session_confirm.error': 'request.refused',
};

const DEFAULT_RETRY_SECONDS = 1;

/**
 * What a protocol endpoint refused, and that somebody signed out, is on record before the answer leaves; when it cannot be
 * recorded, the answer is 503. The library tells of these by events, which nobody waits for: they are noted on the request
 * and recorded here. (What is issued, consented to or revoked is recorded with the change itself.)
 */
export function recordProtocol(provider: Provider, audit: AuditLog, clients: ClientsService): void {
  for (const event of Object.keys(REFUSALS)) {
    provider.on(event as 'grant.error', (ctx: KoaContextWithOIDC, error: Error) => { stateOf(ctx.req).refusal = { event, error }; });
  }
  provider.on('end_session.success', (ctx) => { stateOf(ctx.req).fact = signedOut(ctx); });
  provider.use(async (ctx, next) => {
    await next();
    noteClientUse(ctx as KoaContextWithOIDC, clients);
    const { refusal, fact } = stateOf(ctx.req);
    if (refusal) retryLater(ctx as KoaContextWithOIDC, refusal.error);
    // What went wrong on our side is no refusal, and a log that cannot be written now need not be tried a second time.
    const event = !refusal ? fact : isRefusal(refusal.error) && !audit.hasRecorded(refusal.error.cause) ? refusalEvent(ctx as KoaContextWithOIDC, refusal) : undefined;
    if (!event) return;
    try {
      await audit.record(event);
    } catch (error) {
      const { error: code, error_description } = toWireError(error) as { error: string; error_description: string };
      ctx.status = 503;
      ctx.remove('Location');
      ctx.set('Retry-After', String(DEFAULT_RETRY_SECONDS));
      ctx.body = { error: code, error_description };
    }
  });
}

function retryLater(ctx: KoaContextWithOIDC, { cause }: Error): void {
  if (ctx.status !== 503 && ctx.status !== 429) return;
  const seconds = cause instanceof DomainError ? cause.retryAfterSeconds : undefined;
  ctx.set('Retry-After', String(seconds ?? DEFAULT_RETRY_SECONDS));
}

function signedOut(ctx: KoaContextWithOIDC): AuditEvent | undefined {
  const { accountId } = ctx.oidc.session ?? {};
  // The library says the same of whoever is asked and stays.
  if (!accountId || ctx.oidc.params?.['logout'] === undefined) return undefined;
  const client = ctx.oidc.client?.clientId;
  return { type: 'user.signed_out', outcome: 'success', organization_id: null, actor: { kind: 'user', id: accountId, client_id: client }, subject: accountId };
}

function refusalEvent(ctx: KoaContextWithOIDC, { event, error }: NonNullable<RequestState['refusal']>): AuditEvent {
  const { error: code = 'server_error', error_detail: detail, error_description: description } = error as Error & { error?: string; error_detail?: string; error_description?: string };
  // A client that failed to prove itself is only claimed.
  const client = code === 'invalid_client' ? undefined : ctx.oidc?.client;
  const params = ctx.oidc?.params ?? {};
  const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, 512) : undefined);
  return {
    type: REFUSALS[event]!,
    outcome: 'refused',
    organization_id: client ? clientRecordOf(client).organizationId : null,
    actor: client ? { kind: 'client', id: client.clientId } : { kind: 'anonymous' },
    subject: ctx.oidc?.session?.accountId,
    reason: code,
    details: {
      client_id: text(params['client_id']) ?? ctx.oidc?.client?.clientId, grant_type: text(params['grant_type']), scope: text(params['scope']),
      resource: text(params['resource']), description: text(detail ?? description), ...recordOf(error),
    },
  };
}

function recordOf({ cause }: Error): AuditEvent['details'] {
  return cause instanceof DomainError ? cause.record : undefined;
}
