import type { JsonValue } from '../../kernel/canonical-json.js';
import { parseScope } from '../../kernel/scope-set.js';
import type { AuditEvent } from '../audit/audit-event.js';
import type { PrincipalKind } from './delegation-grant.entity.js';

/** What an event says of a delegation that was made or denied, as far as policies may read it. */
export interface RecordedDelegation {
  readonly principal: { readonly kind: PrincipalKind; readonly id: string };
  readonly agentId: string;
  readonly depth: number;
  readonly purpose: string | null;
  /** Of a denial those that were denied. */
  readonly scopes: readonly string[];
  /** Names. */
  readonly tools: readonly string[];
  readonly wasAllowed: boolean;
}

interface Asked {
  readonly action: 'delegate';
  readonly principal: { readonly kind: PrincipalKind; readonly id: string };
  readonly agent_id: string;
  readonly depth: number;
  readonly purpose: string | null;
  readonly scopes: readonly string[];
  readonly tools: readonly string[];
}

/** What the event of a denial keeps of what was denied, as `details.asked`. */
export function deniedDelegation(
  { principal: { kind, id }, agentId, depth, purpose = null }: Pick<RecordedDelegation, 'principal' | 'agentId' | 'depth'> & { readonly purpose?: string | null },
  denied: readonly { readonly type: string; readonly id: string }[],
): JsonValue {
  const named = (type: string) => denied.filter((one) => one.type === type).map((one) => one.id);
  const asked: Asked = { action: 'delegate', principal: { kind, id }, agent_id: agentId, depth, purpose, scopes: named('scope'), tools: named('tool') };
  return asked as unknown as JsonValue;
}

/** Reads it back from the event; undefined when it tells of no delegation, or not enough. */
export function recordedDelegation({ type, outcome, details = {} }: AuditEvent): RecordedDelegation | undefined {
  if (outcome === 'refused') {
    const asked = details['asked'] as Partial<Asked> | undefined;
    if (asked?.action !== 'delegate' || asked.principal === undefined) return undefined;
    const { principal, agent_id: agentId = '', depth = 1, purpose = null, scopes = [], tools = [] } = asked;
    return { principal, agentId, depth, purpose, scopes, tools, wasAllowed: false };
  }
  const { principal, agent_id: agentId, depth, purpose = null, scope = '', tools } = details as
    { principal?: Asked['principal']; agent_id?: string; depth?: number; purpose?: string | null; scope?: string; tools?: readonly string[] | null };
  if (type !== 'delegation.created' || principal === undefined || agentId === undefined || depth === undefined) return undefined;
  return { principal, agentId, depth, purpose, scopes: parseScope(scope), tools: tools ?? [], wasAllowed: true };
}
