import type { JsonValue } from '../../kernel/canonical-json.js';
import { nowDate } from '../../kernel/clock.js';
import type { OrganizationId } from '../../kernel/ids.js';
import { redactFields, redactText } from '../../platform/logging/redaction.js';
import type { Decision, DecisionRequest } from './decision.js';

/** A request as it is kept: everything but the organization, whose log it is in. */
type RecordedRequest = Pick<DecisionRequest, 'subject' | 'action' | 'actionAttributes' | 'resource' | 'context'>;

/** What an event says of a decision under `details.decision`: of one that something was done or refused because of, the first two. */
export interface DecisionRecord {
  readonly id: string;
  readonly policies: readonly string[];
  readonly is_allowed?: boolean;
  readonly reason?: string;
  readonly version?: string;
  readonly request?: RecordedRequest;
}

/** Bytes of JSON. */
const LARGEST_REQUEST = 16 * 1024;

/**
 * The record of a decision together with the request as it was decided, secrets hidden. A request that is too large is left out.
 *
 * @param request with its time, which the present is not when it is decided again
 */
export function decisionRecord(request: DecisionRequest, { id, policies, isAllowed, reason, version }: Decision): JsonValue {
  const { subject, action, actionAttributes, resource, context } = request;
  const json = redactText(JSON.stringify(redactFields({ subject, action, ...(actionAttributes && { actionAttributes }), resource, context: { time: nowDate(), ...context } })));
  const decided = { id, policies: [...policies], is_allowed: isAllowed, reason, version };
  return Buffer.byteLength(json) > LARGEST_REQUEST ? decided : { ...decided, request: JSON.parse(json) as JsonValue };
}

/** The request of a record, as one of this organization's; undefined where the event keeps none. */
export function recordedRequest(organizationId: OrganizationId, { request }: DecisionRecord): DecisionRequest | undefined {
  if (typeof request?.subject?.id !== 'string' || typeof request.action !== 'string' || typeof request.resource?.id !== 'string') return undefined;
  return { organizationId, ...request };
}
