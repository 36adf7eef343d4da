import type { OrganizationId } from '../../kernel/ids.js';

/** What is known of somebody or something, by name. Values are JSON; a set of texts may be a `Set`, a moment a `Date`. */
export type Attributes = Readonly<Record<string, unknown>>;

export interface DecisionEntity {
  /** `agent`, `user`, `client`, `scope`, `tool`, `resource`, or whatever else the asker speaks of. */
  readonly type: string;
  /** Of a scope or tool its name, of a resource its identifier. */
  readonly id: string;
  readonly attributes?: Attributes;
}

/** May this subject do this to that, as things are? */
export interface DecisionRequest {
  readonly organizationId: OrganizationId;
  /**
   * Of an agent: `agent_type agent_model agent_provider agent_trust_level capabilities owner status assigned_scopes assigned_tools` (names of tools);
   * of a user: `role`, or `roles`; of a client: `status assigned_scopes`.
   */
  readonly subject: DecisionEntity;
  /** `issue`, `delegate`, `invoke`, or whatever else the asker speaks of. */
  readonly action: string;
  /** What is known of the action itself (AuthZEN's `action.properties`). */
  readonly actionAttributes?: Attributes;
  readonly resource: DecisionEntity;
  /** `time` (a `Date` or RFC 3339; now, when left out) `ip launch_reason delegation_depth task grant_type acr amr auth_age audience purpose on_behalf_of` */
  readonly context?: Attributes;
}

export type DecisionReason =
  | 'allowed' // a policy allows it and none denies it
  | 'denied_by_policy' // a policy denies it
  | 'not_allowed' // no policy allows it
  | 'policy_error' // a policy could not be evaluated
  | 'policies_unavailable' // the policies could not be read
  | 'action_not_allowed' // a limit names the actions that are allowed, and not this one
  | 'limit_exhausted'; // too little is left of a limit

/** Every reason there is. The last two are those of limits, which only AuthZEN evaluations look at. */
export const DECISION_REASONS = [
  'allowed', 'denied_by_policy', 'not_allowed', 'policy_error', 'policies_unavailable', 'action_not_allowed', 'limit_exhausted',
] as const satisfies readonly DecisionReason[];

export interface Decision {
  /** UUIDv7, new for each decision. */
  readonly id: string;
  readonly isAllowed: boolean;
  /** Ids of the policies that decided: those that allow, those that deny, or those that could not be evaluated. */
  readonly policies: readonly string[];
  readonly reason: DecisionReason;
  /** Of the set of policies that was asked. */
  readonly version: string;
  /** Nothing was decided, since the database did not answer: whoever asks again may get an answer. Only of `policies_unavailable`. */
  readonly isUndecided?: true;
}
