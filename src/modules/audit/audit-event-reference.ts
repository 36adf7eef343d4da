import { AUDIT_CATALOGUE, type AuditEventEntry } from './audit-catalogue.js';

const COMMON_MEMBERS: readonly (readonly [name: string, shape: string, meaning: string])[] = [
  ['id', 'UUIDv7', 'Names this event.'],
  ['time', 'RFC 3339, UTC, milliseconds', 'When it happened, by the clock of the node that wrote it.'],
  ['source', '`{ip, request_id, user_agent}`', 'The request that it came from: address of the peer, or as a trusted proxy reports it; the `x-request-id` of the answer, which is in the access log too; the first 256 characters of the header. Missing of what the server does by itself.'],
  ['type', 'text', 'One of those below.'],
  ['outcome', '`success` or `refused`', 'Was it done, or turned away?'],
  ['organization_id', 'UUID or null', 'Whose log it belongs to: the organization that it happened in, unless it says otherwise below. Null for the log of the installation.'],
  ['actor', '`{kind, id, client_id}`', 'Who did it. `kind` is `user`, `agent`, `client`, `system` (the server itself) or `anonymous` (nobody proved to be anybody); the last two have no `id`. `client_id` is the client through which a person or an agent acted.'],
  ['act', '`{sub, act}`, as in RFC 8693 section 4.1', 'Whoever acts for another: the last one, and in `act` the one before. Missing where nobody does.'],
  ['subject', 'id', 'For whom, where it is for somebody.'],
  ['target', '`{kind, id}`', 'On what.'],
  ['reason', 'text', 'Why it was refused, or what else it came from.'],
  ['task_id', 'UUID', 'The task that it belongs to. `POST /api/oauth/audit/task` answers all events of one.'],
  ['token_id', 'UUID', 'The token that did it; of `token.issued` and `token.revoked` the token that it is about. It is the `jti` of the token.'],
  ['details', 'object', 'What else there is to say, by type. A member that does not apply is missing.'],
];

const EXAMPLE = {
  id: '019b2c5e-7a10-7c41-9d6e-3f0a5b8c2d11', time: '2026-01-15T09:30:12.345Z', source: { ip: '203.0.113.7', request_id: '019b2c5e-7a0f-7b02-8e44-6a1d9c3f5e20', user_agent: 'weather-scout/1.4' },
  type: 'token.issued', outcome: 'success', organization_id: '019b2c00-1111-7aaa-8bbb-cccccccccccc', actor: { kind: 'agent', id: '019b2c11-2222-7aaa-8bbb-cccccccccccc', client_id: '019b2c11-2222-7aaa-8bbb-cccccccccccc' },
  subject: '019b2c11-2222-7aaa-8bbb-cccccccccccc', target: { kind: 'access_token', id: '019b2c5e-7a10-7c40-8a2b-5d7e9f1c3b64' }, task_id: '019b2c5e-7a10-7c40-8a2b-5d7e9f1c3b64', token_id: '019b2c5e-7a10-7c40-8a2b-5d7e9f1c3b64',
  details: {
    grant_type: 'client_credentials', audience: 'https://auth.example.com/api', scope: 'weather:read', expires_at: 1768470012,
    decision: { id: '019b2c5e-7a0f-7d55-9b1c-2e4f6a8c0d13', policies: ['agents-have-what-is-assigned'] },
  },
};

/** The text of `docs/audit-events.md`. */
export function auditEventReference(): string {
  const groups: [string, [string, AuditEventEntry][]][] = Object.entries(AUDIT_CATALOGUE).map(([title, entries]) => [title, Object.entries(entries)]);
  return [
    '<!-- Generated from src/modules/audit/audit-catalogue.ts by "npm run generate". -->',
    '# Audit events',
    '',
    'Every token, grant, revocation, consent and change that somebody makes is an event in the audit log, committed in the same transaction as',
    'what it tells of: neither is there without the other. Refusals and sign-ins are on record before their answer leaves. If the log cannot be',
    'written, nothing is done, and the answer is 503.',
    '',
    'The types below are all there are. They and their members are stable, and rules may go by them. Text that is made for people (`problems`,',
    '`description`) may change.',
    '',
    '**No secret is in an event**: no token, code, password, client secret or setup link, and no hash of one. A `token_id` is no credential.',
    'What is typed into a sign-in and is nobody’s name is kept as a pseudonym. Members that repeat a refused request (`scope`, `resource` and the',
    'like) say what was sent; NUL and half surrogates are written as U+FFFD.',
    '',
    '**Nothing is changed.** The table `audit_events` takes new rows, and lets a text go that nobody keeps any longer ([why so](decisions/0026-letting-the-log-go.md)):',
    'a trigger refuses all else, and the server can do without the right to it ([how](how-to/limit-the-database-role.md)). Rows are numbered without gaps in',
    'the order of their commits (`sequence`, which is beside the event, as are the columns to search by). The text of each event is kept to the letter',
    'in `body`; SHA-256 of a zero byte and that text is a leaf of one Merkle tree over all events (RFC 6962 section 2.1), whose head, in `audit_heads`,',
    'moves in the same transaction. Recomputing it finds an event that was altered, is missing or stands elsewhere; that the log was not rewritten',
    'whole, only a signed head that is kept elsewhere can show: [how](how-to/prove-the-audit-log.md).',
    '',
    '## What every event says',
    '',
    '| member | shape | meaning |',
    '|---|---|---|',
    ...COMMON_MEMBERS.map(([name, shape, meaning]) => `| \`${name}\` | ${cell(shape)} | ${cell(meaning)} |`),
    '',
    '`id`, `time`, `type`, `outcome`, `organization_id` and `actor` are always there. An agent that gets a token for itself:',
    '',
    '```json',
    JSON.stringify(EXAMPLE, undefined, 2),
    '```',
    '',
    '## Types',
    '',
    '| group | types |',
    '|---|---|',
    ...groups.map(([title, entries]) => `| ${title} | ${entries.map(([type]) => `[\`${type}\`](#${anchor(type)})`).join(' · ')} |`),
    '',
    ...groups.flatMap(([title, entries]) => [`## ${title}`, '', ...entries.flatMap(([type, entry]) => section(type, entry))]),
  ].join('\n').trimEnd().concat('\n');
}

function section(type: string, { when, outcomes, log, target, reason, details = {} }: AuditEventEntry): string[] {
  const rows: [string, string | undefined][] = [
    ['outcome', eitherOf(outcomes)],
    ['target.kind', target && !target.includes('*') ? eitherOf(target) : undefined],
    ['organization_id', log],
    ['reason', reason],
    ...Object.entries(details).map(([name, meaning]): [string, string] => [`details.${name}`, meaning]),
  ];
  return [
    `### \`${type}\``, '', when, '', '| member | value |', '|---|---|',
    ...rows.flatMap(([name, value]) => (value === undefined ? [] : [`| \`${name}\` | ${cell(value)} |`])), '',
  ];
}

function eitherOf(texts: readonly string[]): string {
  return texts.map((text) => `\`${text}\``).join(' or ');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** As GitHub names what a heading can be linked by. */
function anchor(type: string): string {
  return type.replaceAll('.', '');
}
