import type { JsonValue } from '../../kernel/canonical-json.js';
import type { AuditEventType } from '../audit/audit-event.js';
import type { LoggedEvent } from '../audit/logged-event.js';

/** OpenID CAEP 1.0 section 3.1: what the subject was let in by is over. */
export const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
/** OpenID CAEP 1.0 section 3.2: what tokens of the subject say is no longer so. */
export const TOKEN_CLAIMS_CHANGE = 'https://schemas.openid.net/secevent/caep/event-type/token-claims-change';
/** OpenID Shared Signals Framework 1.0 section 8.1.4.1. */
export const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification';
/** Section 8.1.5 of the same. */
export const STREAM_UPDATED = 'https://schemas.openid.net/secevent/ssf/event-type/stream-updated';

/** What a receiver can ask for. The two others come with every stream. */
export const EVENTS_SUPPORTED: readonly string[] = [SESSION_REVOKED, TOKEN_CLAIMS_CHANGE];

type Json = Readonly<Record<string, JsonValue>>;

/** RFC 9493, and the complex subjects of Shared Signals 1.0 section 3.3: every member of one narrows it. */
export type SubjectIdentifier = Json & { readonly format: string };

/** What was ended, so that the tokens that ended with it can be found. */
export interface EndedBy {
  readonly kind: 'token' | 'task' | 'delegation' | 'consent' | 'agent' | 'user' | 'client' | 'organization' | 'everything';
  readonly id: string;
  /** It has tokens in its own organization alone, or those elsewhere are none of its business. */
  readonly staysInside: boolean;
}

/** What an event of the audit log tells receivers. */
export interface Signal {
  readonly event: typeof SESSION_REVOKED | typeof TOKEN_CLAIMS_CHANGE;
  /** Undefined when nothing but the tokens themselves names what ended: each is then told of by itself. */
  readonly subject?: SubjectIdentifier;
  readonly members: Json;
  readonly endedBy?: EndedBy;
}

/** The claims of one security event token (RFC 8417) that its event decides. */
export interface SetClaims {
  readonly txn: string;
  readonly sub_id: SubjectIdentifier;
  readonly events: Json;
}

/** Of one event of the log there are no more, so that what waits for a receiver stays bounded; and how many of them a SET names. */
export const MOST_TOKENS = 50_000;
export const TOKENS_PER_SET = 500;
/** So many tokens are told of one by one, where nothing but themselves names them. */
export const MOST_ALONE = 100;

type Mapping = (event: LoggedEvent, issuer: string) => readonly (Omit<Signal, 'members'> & { readonly claims?: Json })[];

const issSub = (iss: string, sub: string): SubjectIdentifier => ({ format: 'iss_sub', iss, sub });
const opaque = (id: string): SubjectIdentifier => ({ format: 'opaque', id });
export const jwtId = (iss: string, jti: string): SubjectIdentifier => ({ format: 'jwt_id', iss, jti });
const complex = (members: Readonly<Record<string, SubjectIdentifier>>): SubjectIdentifier => ({ format: 'complex', ...members });

const target = ({ target: { id } = { kind: '', id: '' } }: LoggedEvent): string => id;
const detail = ({ details }: LoggedEvent, name: string): JsonValue | undefined => details?.[name];
const tenantOf = (event: LoggedEvent): Readonly<Record<string, SubjectIdentifier>> => (event.organization_id === null ? {} : { tenant: opaque(event.organization_id) });
const sets = (event: LoggedEvent, member: string): boolean => ([detail(event, 'changed')].flat() as unknown[]).includes(member);
const scopeClaim = (event: LoggedEvent): Json => ({ scope: ([detail(event, 'scopes') ?? []].flat() as string[]).join(' ') });

const ended = (kind: EndedBy['kind'], subject: (event: LoggedEvent, issuer: string) => SubjectIdentifier): Mapping =>
  (event, issuer) => [{ event: SESSION_REVOKED, subject: subject(event, issuer), endedBy: { kind, id: target(event), staysInside: false } }];
const endedPerson = ended('user', (event, issuer) => issSub(issuer, target(event)));
// Of one that was not active nothing was alive.
const endedAgent: Mapping = (event, issuer) => (detail(event, 'former_status') !== 'active' ? [] : ended('agent', () => issSub(issuer, target(event)))(event, issuer));

const endedTask = ended('task', (event) => complex({ session: opaque(target(event)), ...tenantOf(event) }));

/** What ended by a moment, a filter or a key is named by its tokens alone; others of the same organization, or client, go on. */
const endedSomewhere: Mapping = (event) => [{
  event: SESSION_REVOKED,
  endedBy: event.organization_id === null ? { kind: 'everything', id: '', staysInside: false } : { kind: 'organization', id: event.organization_id, staysInside: true },
}];

const SWITCHES: Readonly<Record<string, Mapping>> = {
  agent: ended('agent', (event, issuer) => issSub(issuer, target(event))),
  task: endedTask,
  user: endedPerson,
  // Every token says whose it is.
  organization: (event) => [{ event: SESSION_REVOKED, subject: complex({ tenant: opaque(target(event)) }) }],
};

const ofConsent = (event: LoggedEvent, issuer: string): SubjectIdentifier =>
  complex({ ...(event.subject !== undefined && { user: issSub(issuer, event.subject) }), application: opaque(String(detail(event, 'client_id'))) });

/**
 * Every event by which tokens end, or by which less stands behind them than they say.
 *
 * Some end tokens and are not here: `organization.deleted` takes the streams along, `key.retired` is told by the key set, and
 * `user.signed_out` ends a browser session, while each consent that goes with it has an event of its own.
 */
const MAPPINGS: { readonly [Type in AuditEventType]?: { readonly sentence: string; readonly signals: Mapping } } = {
  'token.revoked': { sentence: 'A token was revoked.', signals: ended('token', (event, issuer) => jwtId(issuer, target(event))) },
  'task.cancelled': { sentence: 'A task was cancelled.', signals: endedTask },
  'kill_switch.used': { sentence: 'A kill switch was used.', signals: (event, issuer) => (SWITCHES[String(detail(event, 'switch'))] ?? endedSomewhere)(event, issuer) },
  'tokens.revoked': { sentence: 'Tokens were revoked by a filter.', signals: endedSomewhere },
  'key.revoked': { sentence: 'A signing key was withdrawn.', signals: endedSomewhere },
  'delegation.revoked': {
    sentence: 'A delegation was revoked.',
    signals: ended('delegation', (event, issuer) => complex({
      ...(event.subject !== undefined && { user: issSub(issuer, event.subject) }), application: opaque(String(detail(event, 'agent_id'))), session: opaque(target(event)),
    })),
  },
  'consent.revoked': {
    sentence: 'A consent ended.',
    signals: (event, issuer) => [
      ...ended('consent', ofConsent)(event, issuer),
      ...(event.reason === 'narrowed' ? [{ event: TOKEN_CLAIMS_CHANGE, subject: ofConsent(event, issuer), claims: { scope: detail(event, 'scope') ?? '' } } as const] : []),
    ],
  },
  'agent.suspended': { sentence: 'An agent was suspended.', signals: endedAgent },
  'agent.deactivated': { sentence: 'An agent was ended for good.', signals: endedAgent },
  'agent.password_changed': {
    sentence: 'An agent changed its password.',
    // What it got by other means goes on.
    signals: (event) => [{ event: SESSION_REVOKED, endedBy: { kind: 'agent', id: target(event), staysInside: true } }],
  },
  'agent.updated': {
    sentence: 'What an agent may have was changed.',
    signals: (event, issuer) => (sets(event, 'scopes') ? [{ event: TOKEN_CLAIMS_CHANGE, subject: issSub(issuer, target(event)), claims: scopeClaim(event) }] : []),
  },
  'client.updated': {
    sentence: 'What an application may have was changed.',
    signals: (event) => (sets(event, 'scopes') ? [{ event: TOKEN_CLAIMS_CHANGE, subject: complex({ application: opaque(target(event)) }), claims: scopeClaim(event) }] : []),
  },
  'client.deleted': { sentence: 'An application was ended for good.', signals: ended('client', (event) => complex({ application: opaque(target(event)) })) },
  'user.disabled': { sentence: 'An account was disabled.', signals: endedPerson },
  'user.password_changed': { sentence: 'A password was changed.', signals: endedPerson },
  'user.deleted': { sentence: 'An account was deleted.', signals: endedPerson },
  'membership.removed': {
    sentence: 'Somebody is no longer a member.',
    signals: (event, issuer) => [{
      event: SESSION_REVOKED, subject: complex({ user: issSub(issuer, target(event)), ...tenantOf(event) }), endedBy: { kind: 'user', id: target(event), staysInside: true },
    }],
  },
  'membership.changed': {
    sentence: 'A member got another role.',
    signals: (event, issuer) => [{
      event: TOKEN_CLAIMS_CHANGE, subject: complex({ user: issSub(issuer, target(event)), ...tenantOf(event) }), claims: { role: detail(event, 'role') ?? null },
    }],
  },
  'organization.updated': {
    sentence: 'An organization was suspended.',
    // Every token says whose it is: there is no list of them.
    signals: (event) => (sets(event, 'status') && detail(event, 'status') === 'suspended' ? [{ event: SESSION_REVOKED, subject: complex(tenantOf(event)) }] : []),
  },
};

/** The types of events that can mean something to receivers. */
export const SIGNALLED_TYPES = Object.keys(MAPPINGS) as readonly AuditEventType[];

/** What an event of the log tells receivers; most tell nothing. */
export function signalsOf(event: LoggedEvent, issuer: string): Signal[] {
  const mapping = MAPPINGS[event.type];
  if (!mapping || event.outcome !== 'success') return [];
  const told: Json = {
    event_timestamp: Math.floor(Date.parse(event.time) / 1000), initiating_entity: initiatorOf(event), reason_admin: { en: mapping.sentence + (event.reason === undefined ? '' : ` (${event.reason})`) },
  };
  return mapping.signals(event, issuer).map(({ claims, ...signal }) => ({ ...signal, members: { ...told, ...(claims && { claims }) } }));
}

/**
 * The security events that a signal becomes for one organization, in order: what ended with all that ended with it, so many tokens
 * each, and each of them names what ended.
 *
 * @param tokens ids of the organization's tokens that ended, and whether these are all; undefined where none are listed
 * @param isAtHome whether the event is in this organization's own log: if not, ids of its tokens are all that it learns
 */
export function securityEvents(signal: Signal, event: LoggedEvent, issuer: string, isAtHome: boolean, tokens?: { readonly ids: readonly string[]; readonly areAll: boolean }): SetClaims[] {
  const claims = (subject: SubjectIdentifier, more: Json = {}): SetClaims => ({ txn: event.id, sub_id: subject, events: { [signal.event]: { ...signal.members, ...more } } });
  const isPerson = signal.endedBy?.kind === 'user';
  const isNamed = signal.subject !== undefined && (isAtHome || isPerson);
  if (!tokens) return isNamed ? [claims(signal.subject!)] : [];
  if (!isNamed && tokens.ids.length === 0) return [];
  const perSet = isNamed || tokens.ids.length > MOST_ALONE ? TOKENS_PER_SET : 1;
  const parts = Math.max(1, Math.ceil(tokens.ids.length / perSet));
  const counts = detail(event, 'ended');
  return Array.from({ length: parts }, (_, index) => {
    const ids = tokens.ids.slice(index * perSet, (index + 1) * perSet);
    return claims(isNamed ? signal.subject! : jwtId(issuer, ids[0]!), {
      ...(isNamed && isAtHome && counts !== undefined && { ended: counts }),
      token_ids: ids,
      ...(parts > 1 && perSet > 1 && { part: index + 1, parts }),
      ...(!tokens.areAll && { token_ids_complete: false }),
    });
  });
}

/** CAEP 1.0 section 2: who set it off, as far as receivers are told. */
function initiatorOf({ actor, subject, reason, target: of }: LoggedEvent): 'admin' | 'user' | 'policy' | 'system' {
  if (reason === 'token_reused') return 'policy';
  if (actor.kind === 'system' || actor.kind === 'anonymous') return 'system';
  return actor.id !== undefined && (actor.id === subject || actor.id === of?.id) ? 'user' : 'admin';
}
