import type { JsonValue } from '../../kernel/canonical-json.js';
import { parseScope } from '../../kernel/scope-set.js';
import type { AuditEvent } from '../audit/audit-event.js';
import type { ActorChain } from '../delegation/delegation-chain.js';
import type { TokenCircumstances, TokenTaker } from './issuance-question.js';

/** What an event says of a token that was issued or refused, as far as policies may read it. */
export interface RecordedIssuance {
  readonly organizationId: string;
  /** The agent that took it goes by the id of its client. */
  readonly taker: { readonly kind: 'user' | 'client'; readonly id: string };
  readonly circumstances: TokenCircumstances;
  /** Of a refusal those that were denied: nobody knows of the others. */
  readonly scopes: readonly string[];
  /** Names. */
  readonly tools: readonly string[];
  readonly wasAllowed: boolean;
}

interface Asked {
  readonly action: 'issue';
  readonly organization_id: string;
  readonly taker: { readonly kind: 'user' | 'client'; readonly id: string };
  readonly grant_type: string;
  readonly audience: string;
  readonly act?: ActorChain;
  readonly on_behalf_of?: string;
  readonly launch_reason?: string;
  readonly purpose?: string;
  readonly task_id?: string;
  readonly acr?: string;
  readonly scopes: readonly string[];
  readonly tools: readonly string[];
}

/** What the event of a refusal by policies keeps of what was denied, as `details.asked`. */
export function refusedIssuance(
  { organizationId, taker, grantType, audience, act, onBehalfOf, launchReason, purpose, task, acr }: TokenCircumstances & { readonly organizationId: string; readonly taker: TokenTaker },
  denied: Pick<RecordedIssuance, 'scopes' | 'tools'>,
): JsonValue {
  const asked: Asked = {
    action: 'issue', organization_id: organizationId, taker: taker.kind === 'user' ? { kind: 'user', id: taker.id } : { kind: 'client', id: taker.client.id }, grant_type: grantType, audience, act,
    on_behalf_of: onBehalfOf, launch_reason: launchReason, purpose, task_id: task, acr, ...denied,
  };
  return asked as unknown as JsonValue;
}

/** Reads it back from the event; undefined when it tells of no token, or not enough. */
export function recordedIssuance(event: AuditEvent): RecordedIssuance | undefined {
  return event.outcome === 'refused' ? refused(event) : event.type === 'token.issued' ? issued(event) : undefined;
}

/** Nothing was decided about it in particular: it brings access tokens, about which the policies are asked. */
export function isRefreshToken({ type, target }: AuditEvent): boolean {
  return type === 'token.issued' && target?.kind === 'refresh_token';
}

function refused({ details }: AuditEvent): RecordedIssuance | undefined {
  const asked = details?.['asked'] as Partial<Asked> | undefined;
  if (asked?.action !== 'issue' || asked.taker === undefined || asked.organization_id === undefined) return undefined;
  return {
    organizationId: asked.organization_id, taker: asked.taker, scopes: asked.scopes ?? [], tools: asked.tools ?? [], wasAllowed: false,
    circumstances: {
      grantType: asked.grant_type!, audience: asked.audience!, act: asked.act, onBehalfOf: asked.on_behalf_of, launchReason: asked.launch_reason, purpose: asked.purpose, task: asked.task_id, acr: asked.acr,
    },
  };
}

/** With these somebody speaks for themselves, or lets an agent act that need not be the client. */
const OF_PEOPLE = new Set(['authorization_code', 'refresh_token', 'organization_switch']);
/** These are asked about with their task, also the first of it. */
const BEGIN_TASKS = new Set(['authorization_code', 'refresh_token']);

interface IssuedDetails {
  readonly grant_type?: string;
  readonly audience?: string;
  readonly scope?: string;
  readonly tools?: readonly string[];
  readonly launch_reason?: string;
  readonly purpose?: string;
  readonly acr?: string;
  readonly parent_task_id?: string;
}

function issued({ organization_id: organizationId, actor, act: acted, subject, token_id: tokenId, task_id: taskId, details }: AuditEvent): RecordedIssuance | undefined {
  const { grant_type: grantType, audience = '', scope = '', tools = [], launch_reason: launchReason, purpose, acr, parent_task_id: parentTaskId } = (details ?? {}) as IssuedDetails;
  const clientId = actor?.client_id ?? actor?.id;
  if (grantType === undefined || organizationId === null || subject === undefined || clientId === undefined) return undefined;
  const act = acted as unknown as ActorChain | undefined;
  const isSpokenFor = OF_PEOPLE.has(grantType) && act === undefined;
  const taker = isSpokenFor ? { kind: 'user' as const, id: subject } : { kind: 'client' as const, id: OF_PEOPLE.has(grantType) ? act!.sub : clientId };
  return {
    organizationId, taker, scopes: parseScope(scope), tools, wasAllowed: true,
    circumstances: {
      grantType, audience, act, onBehalfOf: act !== undefined && subject !== taker.id ? subject : undefined, launchReason, purpose, acr,
      task: taskId !== tokenId || BEGIN_TASKS.has(grantType) ? taskId : parentTaskId,
    },
  };
}
