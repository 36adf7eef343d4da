import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { AuditEventType } from '../modules/audit/audit-event.js';
import type { AuditLog } from '../modules/audit/audit-log.service.js';
import { clientRecordOf } from './clients.js';
import type { RequestState } from './request-state.js';
import { toWireError } from './wire-errors.js';

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

/**
 * Every refusal of a protocol endpoint is on record before it leaves; when it cannot be recorded, the answer is 503.
 * The library tells of errors by events, which nobody waits for: they are noted on the request and recorded here.
 */
export function recordRefusals(provider: Provider, audit: AuditLog): void {
  for (const event of Object.keys(REFUSALS)) {
    provider.on(event as 'grant.error', (ctx: KoaContextWithOIDC, error: Error) => { (ctx.state as RequestState).refusal = { event, error }; });
  }
  provider.use(async (ctx, next) => {
    await next();
    const { refusal } = ctx.state as RequestState;
    if (!refusal) return;
    try {
      await audit.record(refusalEvent(ctx as KoaContextWithOIDC, refusal));
    } catch (error) {
      const answer = toWireError(error) as { status: number; error: string; error_description: string };
      ctx.status = 503;
      ctx.set('Retry-After', '1');
      ctx.body = { error: answer.error, error_description: answer.error_description };
    }
  });
}

function refusalEvent(ctx: KoaContextWithOIDC, { event, error }: NonNullable<RequestState['refusal']>) {
  const client = ctx.oidc?.client;
  const record = client && clientRecordOf(client);
  const { error: code, error_detail: detail, error_description: description } = error as Error & { error?: string; error_detail?: string; error_description?: string };
  const params = ctx.oidc?.params ?? {};
  const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, 512) : undefined);
  return {
    type: REFUSALS[event]!,
    outcome: 'refused' as const,
    organization_id: record?.organizationId ?? null,
    actor: client ? { kind: 'client' as const, id: client.clientId } : { kind: 'anonymous' as const },
    subject: ctx.oidc?.session?.accountId,
    reason: code ?? 'server_error',
    details: {
      // Not yet authenticated when unknown: what it claims to be.
      client_id: text(params['client_id']), grant_type: text(params['grant_type']), scope: text(params['scope']), resource: text(params['resource']),
      description: text(detail ?? description),
    },
  };
}
