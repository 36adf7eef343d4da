import type { JsonValue } from '../../kernel/canonical-json.js';
import type { Caller } from '../../platform/http/caller.js';
import type { AuditEventType } from './audit-catalogue.js';

export type { AuditEventType };

export interface AuditParty {
  kind: 'user' | 'agent' | 'client' | 'system' | 'anonymous';
  id?: string;
  /** The client through which a user or agent acted. */
  client_id?: string;
}

/** One fact. `id`, `time` and `source` are filled in by the log. Never put a secret, token or code into it. */
export interface AuditEvent {
  type: AuditEventType;
  outcome: 'success' | 'refused';
  /** Whose log it belongs to; null for facts of the whole installation. */
  organization_id: string | null;
  /** Who did it. */
  actor: AuditParty;
  /** RFC 8693 `act`, when the actor stands at the end of a chain. */
  act?: JsonValue;
  /** For whom. */
  subject?: string;
  /** On what. */
  target?: { kind: string; id: string };
  /** Error code of a refusal, or the policy that decided. */
  reason?: string;
  task_id?: string;
  token_id?: string;
  details?: { [key: string]: JsonValue | undefined };
}

/** The members that say who did it, for what a caller of the REST API does. */
export function doneBy(caller: Caller): Pick<AuditEvent, 'actor' | 'act' | 'token_id'> {
  return {
    actor: { kind: caller.kind, id: caller.subject, client_id: caller.clientId },
    token_id: caller.tokenId,
    ...(caller.act === undefined ? {} : { act: caller.act as JsonValue }),
  };
}
