/** What events of one type say, beside what all events say. */
export interface AuditEventEntry {
  /** When it is written: a sentence. */
  readonly when: string;
  readonly outcomes: readonly ('success' | 'refused')[];
  /** In whose log it is, where that is not the organization that it happened in. */
  readonly log?: string;
  /** What `target.kind` can be; nothing when there is no target. */
  readonly target?: readonly string[];
  /** What `reason` can be, with every value that is fixed; nothing when there is none. */
  readonly reason?: string;
  /** The members of `details`, each with its meaning. All of them can be missing. */
  readonly details?: Readonly<Record<string, string>>;
}

export const BOTH = ['success', 'refused'] as const;
export const SUCCESS = ['success'] as const;
export const REFUSED = ['refused'] as const;

export const INSTALLATION = 'The installation’s.';
export const ENDED = 'How much that was alive ended with it, by kind, such as `{"tokens": 12, "delegations": 1}`; what other organizations have of it is not counted.';
export const ENDED_BY_SWITCH = 'How much was alive and ended, by kind: `tokens`, of which `refresh_tokens`, for how many `people`; `delegations`, `consents`, `tasks`, `sessions`, `agents`. What came to be in the moment after the count ended as well.';
export const CHANGED = 'Names of what the request set, sorted.';
export const CLIENT_ID = 'The client.';
export const SCOPE = 'Scopes, separated by spaces.';
export const ASKED_SCOPE = 'Scopes that were asked for, separated by spaces.';
export const DECISION = 'What the policies decided: `id` of the decision and `policies`, the ids of those that decided.';
export const PROBLEMS = 'What is wrong, in sentences; the first ones.';

export const UNUSED = '`unused` when the server ended it by itself, since nobody had used it for as long as the operator says.';
export const UNUSED_SINCE = 'When it was used for the last time, or made, if it ended because of that; RFC 3339.';
export const SECRET = { secret_id: 'The secret’s id.', prefix: 'The part of the secret that is none, by which lists show it.', expires_at: 'When it expires, if it does; RFC 3339.' };
export const POLICY = { name: 'Its name.', version: 'Its version after this.', is_enabled: 'Whether it decides.' };
export const TOOL = { name: 'Its name.' };
export const ASSIGNMENT = { name: 'The agent’s name.', tool_id: 'The tool.', tool: 'The tool’s name.' };
export const RESERVATION = {
  agent_id: 'The client of the token, where it is an agent or has an id like one.', checked_token_id: 'The token that it counts with; `token_id` is that of whoever asks.', delegation_ids: 'The delegations that the token, and those that it descends from, stand on; a list.',
  requests: 'How many were reserved.', cost_micros: 'What was reserved; millionths of a US dollar.',
  bounds: 'The limits that it counts against; a list of `subject`, `limit`, `period`, `window_start`, `bound`, and `taken`: how much is reserved or used of it after this.',
};
export const KEY = {
  algorithm: 'What it signs with, such as `ES256`.', activates_at: 'When it begins to sign; RFC 3339. Missing of those that the first start made: they sign at once.',
};
export const STREAM = {
  client_id: 'The client that receives.', method: '`push` or `poll`.', endpoint_url: 'Where events are pushed; null where they are polled.',
  events: 'Types of events that were asked for; a list, or null for all.',
};
/** What a protocol endpoint notes of a request that it refuses. */
export const OF_REQUEST = {
  client_id: 'The client that the request names, whether or not it proved to be it.', grant_type: 'As the request says.', scope: 'As the request says.', resource: 'As the request says.',
  description: 'The private reason where there is one, else the sentence of the answer.',
};
export const OF_POLICIES = {
  decision: 'Only where the policies refused: `id` of the decision and `policies`, the ids of those that decided.',
  asked: 'Only where the policies refused: what was asked and denied, complete enough to decide it again: `action` and what belongs to it.',
};
export const PROTOCOL_LOG = 'The client’s organization, once the client is known and has not failed to prove itself; else the installation’s.';
export const COUNT = 'How many refusals after the first one this event stands for. Missing of the first.';
export const ERROR_CODE = 'The `error` of the answer.';
