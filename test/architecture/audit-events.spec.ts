import { readFileSync } from 'node:fs';
import { AUDIT_CATALOGUE, auditEventEntries, type AuditEventEntry } from '../../src/modules/audit/audit-catalogue.js';
import { auditEventReference } from '../../src/modules/audit/audit-event-reference.js';
import type { AuditEvent } from '../../src/modules/audit/audit-event.js';
import { auditRecord } from '../../src/modules/audit/audit-record.js';
import { sourceProgram, writtenEvents, type WrittenEvent } from '../support/written-events.js';

type Catalogue = Readonly<Record<string, AuditEventEntry>>;

/** What the reading finds and is right all the same, and why. */
const BEYOND_READING: Readonly<Record<string, string>> = {
  'user.enabled writes details.ended': 'it is counted only when an account is disabled',
  'agent.resumed writes details.ended': 'nothing of a suspended agent is alive',
  'task.completed writes details.ended': 'it is counted only when a task is cancelled',
  'key.created writes details.supersedes': 'it is a key without a predecessor',
  'key.created writes details.superseded_retires_at': 'it is a key without a predecessor',
  ...Object.fromEntries(['request.refused', 'authorization.refused', 'introspection.refused', 'revocation.refused'].flatMap((type) => ['decision', 'asked'].map((member) =>
    [`${type} writes details.${member}`, 'what the policies refuse is a token, or access']))),
  ...Object.fromEntries(['request.limited', 'user.sign_in_refused', 'token.refused'].map((type) => [`${type} documents details.count`, 'the tally of refusals adds it'])),
  'token.refused documents target.kind agent': 'the sign-in of agents assigns it once the agent is known',
  'token.refused documents target.kind client': 'the sign-in of agents assigns it once the client is known',
};

/** What is wrong with a catalogue, as the events that are written show it, in words. */
function faults(catalogue: Catalogue, events: readonly WrittenEvent[]): string[] {
  const types = [...new Set([...Object.keys(catalogue), ...events.map(({ type }) => type)])];
  return types.flatMap((type) => {
    const [entry, written] = [catalogue[type], events.filter((event) => event.type === type)];
    const all = (member: 'outcomes' | 'targets' | 'details' | 'reasons') => [...new Set(written.flatMap((event) => event[member]))];
    if (!entry) return written.map(({ place }) => `${type} is written at ${place} and is not in the catalogue`);
    if (written.length === 0) return [`${type} is written nowhere`];
    const differing = (name: string, found: readonly string[], documented: readonly string[]) => [
      ...found.filter((one) => !documented.includes(one)).map((one) => `${type} writes ${name}${one}`),
      ...documented.filter((one) => !found.includes(one)).map((one) => `${type} documents ${name}${one}`),
    ];
    const reasons = all('reasons');
    return [
      ...differing('outcome ', all('outcomes'), entry.outcomes),
      ...differing('target.kind ', all('targets'), entry.target ?? []),
      ...differing('details.', all('details'), Object.keys(entry.details ?? {})),
      ...(reasons.length > 0) === (entry.reason !== undefined) ? [] : [`${type} ${entry.reason === undefined ? 'writes' : 'documents'} a reason`],
      ...reasons.filter((reason) => reason !== '*' && entry.reason?.includes(`\`${reason}\``) === false).map((reason) => `${type} writes the reason ${reason}`),
    ];
  });
}

/** Texts that are not sentences. */
function badSentences(catalogue: Catalogue): string[] {
  return Object.entries(catalogue).flatMap(([type, { when, log, reason, details = {} }]) =>
    [when, log, reason, ...Object.values(details)].filter((text) => text !== undefined && !/^[A-Z`].*[.)]$/s.test(text)).map((text) => `${type} says "${text}"`));
}

const PLANTED = 'src/modules/audit/planted.service.ts';
/** One file for all that is planted, since making sense of the sources takes its time. */
const PLANT = `
  import { AuditLog } from './audit-log.service.js';
  import type { AuditEvent } from './audit-event.js';
  const nobody = { organization_id: null, actor: { kind: 'system' as const } };
  export class Planted {
    constructor(private readonly audit: AuditLog) {}
    undocumented() { return this.audit.record({ ...nobody, type: 'planted.unknown' as never, outcome: 'success' }); }
    smuggle() { return this.record('tool.deleted', { smuggled: 1 }); }
    toggle(isActive: boolean) { return this.record(isActive ? 'tool.activated' : 'tool.deactivated', more()); }
    refuse(error: Error) { return this.audit.recordRefusal({ ...nobody, type: 'key.retired', target: { kind: 'door', id: '1' }, reason: 'planted' }, error); }
    obscure() { return this.audit.record({ ...nobody, type: 'user.created', outcome: 'success', details: JSON.parse('{}') }); }
    private record(type: AuditEvent['type'], details: AuditEvent['details']) {
      return this.audit.record({ ...common(type), details: { name: 'x', ...details } });
    }
  }
  function common(type: AuditEvent['type']) { return { ...nobody, type, outcome: 'success' as const, target: { kind: 'tool', id: '1' } }; }
  function more(): AuditEvent['details'] { return { extra: 1, ...(Math.random() > 2 && { rare: 2 }) }; }
`;
const isPlanted = (place: string) => place.startsWith(PLANTED);

let events: WrittenEvent[];
let planted: WrittenEvent[];
let unread: string[];

beforeAll(() => {
  const found = writtenEvents(sourceProgram({ [PLANTED]: PLANT }));
  planted = found.events.filter(({ place }) => isPlanted(place));
  events = found.events.filter(({ place }) => !isPlanted(place));
  unread = found.unread;
});

describe('the catalogue of audit events', () => {
  it('has every event that is written, and none that is not, each with its outcomes, targets, reasons and members of details', () => {
    const found = faults(auditEventEntries, events);
    expect(found.filter((fault) => !(fault in BEYOND_READING))).toEqual([]);
    expect(Object.keys(BEYOND_READING).filter((fault) => !found.includes(fault))).toEqual([]);
  });

  it('is held against places that can all be read', () => {
    expect(unread.filter((place) => !isPlanted(place))).toEqual([]);
    expect(events.length).toBeGreaterThan(100);
  });

  it('speaks in whole sentences, and of each type in one group only', () => {
    expect(badSentences(auditEventEntries)).toEqual([]);
    const types = Object.values(AUDIT_CATALOGUE).flatMap((group) => Object.keys(group));
    expect(types.length).toBe(new Set(types).size);
  });

  it('stands in docs/audit-events.md, each type under a heading of its own, which the overview links', () => {
    const document = readFileSync('docs/audit-events.md', 'utf8');
    for (const [type, entry] of Object.entries(auditEventEntries)) {
      expect(document).toContain(`\n### \`${type}\`\n\n${entry.when}\n`);
      expect(document).toContain(`[\`${type}\`](#${type.replace('.', '')})`);
    }
  });

  it('shows an example that is one', () => {
    const example = JSON.parse(/```json\n([\s\S]*?)```/.exec(auditEventReference())![1]!) as AuditEvent;
    expect(Object.keys(auditEventEntries[example.type].details ?? {})).toEqual(expect.arrayContaining(Object.keys(example.details ?? {})));
    const written = JSON.parse(auditRecord(example).body) as object;
    expect(Object.keys(written).sort()).toEqual(Object.keys(example).sort());
  });
});

describe('a planted event', () => {
  it.each([
    ['of a type that is not in the catalogue', /^planted\.unknown is written at src\/modules\/audit\/planted\.service\.ts:\d+ and is not in the catalogue$/],
    ['with a member of details that is not documented', /^tool\.deleted writes details\.smuggled$/],
    ['with one that comes from a function that is called', /^tool\.activated writes details\.extra$/],
    ['with one that is only there sometimes', /^tool\.deactivated writes details\.rare$/],
    ['with another outcome', /^key\.retired writes outcome refused$/],
    ['with another kind of target', /^key\.retired writes target\.kind door$/],
    ['with another reason', /^key\.retired writes the reason planted$/],
  ])('%s is found', (_what, fault) => {
    expect(faults(auditEventEntries, [...events, ...planted])).toContainEqual(expect.stringMatching(fault));
  });

  it('that nobody can read without running it is found', () => {
    expect(unread).toContainEqual(expect.stringMatching(/planted\.service\.ts:\d+: JSON\.parse/));
  });

  it('is read once for each of its callers, so that one type does not answer for what another says', () => {
    const details = (type: string) => planted.filter((event) => event.type === type).flatMap((event) => event.details);
    expect(details('tool.deleted')).toEqual(['name', 'smuggled']);
    expect(details('tool.activated')).toEqual(['name', 'extra', 'rare']);
  });
});

describe('a planted entry', () => {
  const entry: AuditEventEntry = { when: 'Something happened.', outcomes: ['success'] };

  it.each([
    ['that is written nowhere', { 'planted.never': entry }, 'planted.never is written nowhere'],
    ['with a member of details that is written nowhere', { 'user.deleted': { ...entry, target: ['user'], details: { gone: 'Nothing.' } } }, 'user.deleted documents details.gone'],
    ['with an outcome that it does not have', { 'user.deleted': { ...entry, target: ['user'], outcomes: ['success', 'refused'] } }, 'user.deleted documents outcome refused'],
    ['with a reason where none is given', { 'user.deleted': { ...entry, target: ['user'], reason: 'Some.' } }, 'user.deleted documents a reason'],
  ] satisfies [string, Catalogue, string][])('%s is found', (_what, entries, fault) => {
    expect(faults({ ...auditEventEntries, ...entries }, events)).toContain(fault);
  });

  it('that is no sentence is found', () => {
    expect(badSentences({ 'planted.never': { ...entry, when: 'it happened' } })).toEqual(['planted.never says "it happened"']);
  });
});
