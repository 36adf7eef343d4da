import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { BoundedMap } from '../../kernel/bounded-map.js';
import type { OrganizationId } from '../../kernel/ids.js';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import type { AuditEvent } from '../audit/audit-event.js';
import type { AuditLog } from '../audit/audit-log.service.js';
import { DEFAULT_POLICIES } from './default-policies.js';
import type { DecisionRequest } from './decision.js';
import { ParsedSets } from './parsed-sets.js';
import { PolicyDirectory } from './policy-directory.service.js';
import { readPolicyFile } from './policy-file.js';
import { PolicySet } from './policy-set.js';

const engine = { parsed: new ParsedSets(), outcomes: new BoundedMap<string, never>(1000), scopes: { isOidcScope: () => false, isApiScope: () => false } };
const REQUEST: DecisionRequest = { organizationId: 'here' as OrganizationId, subject: { type: 'user', id: 'alice' }, action: 'read', resource: { type: 'record', id: '1' } };

let folder: string;
let events: AuditEvent[];
let directory: PolicyDirectory;

beforeAll(() => Logger.overrideLogger(false));

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'legate-policies-')), 'policies');
  events = [];
});

afterEach(async () => {
  await directory.beforeApplicationShutdown();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

async function start(): Promise<void> {
  const audit = { record: (event: AuditEvent) => { events.push(event); return Promise.resolve(); } } as unknown as AuditLog;
  directory = new PolicyDirectory(new Config(environmentSchema.parse({ LEGATE_POLICIES_DIR: folder })), audit);
  await directory.onModuleInit();
}

function write(name: string, ...policies: string[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `policies:${policies.length === 0 ? ' []' : ''}\n${policies.map((policy) => `  - ${policy}\n`).join('')}...\n`);
}

const names = () => directory.current.policies?.map(({ id }) => id) ?? null;
const summary = () => events.map(({ type, details }) => [type, details?.['source'] ?? details?.['problems']]);

function decide(): { isAllowed: boolean; policies: readonly string[] } | undefined {
  const { policies, version } = directory.current;
  return policies === null ? undefined : new PolicySet(policies, version, engine).decide(REQUEST, ScopeGraph.EMPTY);
}

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    if (waited > 5000) throw new Error(`did not come about: ${JSON.stringify({ names: names(), events })}`);
    await sleep(20);
  }
}

const ALLOW = '{ id: permit, effect: allow, what: { actions: [read] } }';
const DENY = '{ id: forbid, effect: deny, what: { actions: [read] } }';

describe('the folder of policies', () => {
  it('that is missing has the built-in policies in force, and one that appears takes their place', async () => {
    await start();
    expect(names()).toEqual(['directory:agents-have-what-is-assigned', 'directory:people-have-what-their-role-allows', 'directory:clients-have-what-is-registered']);
    write('a.yaml', ALLOW);
    await until(() => names()?.[0] === 'directory:permit');
    expect(summary()).toEqual([['policy_set.loaded', 'built_in'], ['policy_set.loaded', 'directory']]);
  });

  it('that is empty allows nothing', async () => {
    mkdirSync(folder, { recursive: true });
    await start();
    expect([names(), decide()]).toEqual([[], { isAllowed: false, policies: [], reason: 'not_allowed' }]);
  });

  it('is taken together, all files that end in .yaml or .yml', async () => {
    write('b.yml', DENY);
    write('a.yaml', ALLOW);
    write('.hidden.yaml', '{ id: hidden, effect: deny }');
    writeFileSync(join(folder, 'README.md'), 'not a policy');
    await start();
    expect([names(), decide()]).toEqual([['directory:permit', 'directory:forbid'], { isAllowed: false, policies: ['directory:forbid'], reason: 'denied_by_policy' }]);
    expect(events[0]).toMatchObject({ type: 'policy_set.loaded', organization_id: null, actor: { kind: 'system' }, details: { policies: ['permit', 'forbid'] } });
  });

  it('has the same version for the same policies, whatever their files are called', async () => {
    write('a.yaml', ALLOW);
    await start();
    const { version } = directory.current;
    renameSync(join(folder, 'a.yaml'), join(folder, 'b.yaml'));
    writeFileSync(join(folder, 'c.yaml'), '# nothing here\npolicies: []\n...\n');
    await sleep(700);
    expect(directory.current.version).toBe(version);
    write('c.yaml', DENY);
    await until(() => directory.current.version !== version);
  });

  it.each([
    ['is not YAML', 'policies: [}\n...\n', /a\.yaml: .* at line 1, column 12/],
    ['is not finished', 'policies:\n  - { id: x, effect: allow, what: { actions: [read] } }\n', /a\.yaml does not end with a line of three dots/],
    ['has no policies', 'rules: []\n...\n', /a\.yaml, policies: /],
    ['has a rule that is wrong', 'policies:\n  - { id: x, effect: permit }\n...\n', /a\.yaml, x, effect: must be one of allow, deny/],
    ['has Cedar that is wrong', 'policies:\n  - { id: x, cedar: "permit(principal, action, resource) when { principal.nope };" }\n...\n', /a\.yaml, x, cedar: line 1, column 44: attribute `nope`/],
    ['names two policies alike', 'policies:\n  - { id: x, effect: deny }\n  - { id: x, effect: deny }\n...\n', /several policies with the id x/],
    ['says a thing twice', 'policies: []\npolicies: []\n...\n', /a\.yaml: Map keys must be unique at line 2, column 1/],
    ['multiplies itself', 'policies:\n  - &a { id: x, effect: deny }\n  - *a\n...\n', /a\.yaml cannot be read: /],
  ])('of which a file %s is refused whole: the last policies stay, and it is on record why', async (_what, text, problem) => {
    write('b.yaml', ALLOW);
    await start();
    writeFileSync(join(folder, 'a.yaml'), text);
    await until(() => events.length === 2);
    expect(events[1]).toMatchObject({ type: 'policy_set.refused', outcome: 'refused', details: { problems: expect.arrayContaining([expect.stringMatching(problem) as string]) as string[] } });
    expect([names(), decide()?.isAllowed]).toEqual([['directory:permit'], true]);
    write('a.yaml', DENY);
    await until(() => decide()?.isAllowed === false);
  });

  it('that cannot be used from the start leaves nothing allowed, until it is put right', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'a.yaml'), 'policies:');
    await start();
    expect([names(), summary()]).toEqual([null, [['policy_set.refused', ['a.yaml does not end with a line of three dots, so it may not be written whole']]]]);
    write('a.yaml', ALLOW);
    await until(() => decide()?.isAllowed === true);
  });

  it('that is gone is no wish for the built-in policies: the last ones stay', async () => {
    write('a.yaml', ALLOW);
    await start();
    rmSync(folder, { recursive: true });
    await until(() => events.length === 2);
    expect([names(), summary()[1]]).toEqual([['directory:permit'], ['policy_set.refused', ['the folder is gone']]]);
  });

  it('may be a link, which is pointed elsewhere in one step', async () => {
    const versions = [`${folder}-1`, `${folder}-2`];
    const target = folder;
    for (const [index, policy] of [ALLOW, DENY].entries()) {
      folder = versions[index]!;
      write('a.yaml', policy);
    }
    folder = target;
    symlinkSync(versions[0]!, folder);
    await start();
    expect(decide()?.isAllowed).toBe(true);
    symlinkSync(versions[1]!, `${folder}-next`);
    renameSync(`${folder}-next`, folder);
    await until(() => names()?.[0] === 'directory:forbid');
  });

  it('that flips every 100 ms between permit and forbid, with half-written files among them, decides by one of the two whole sets, always', async () => {
    // Either set says who is meant and who is not: a part of one, or a mixture, would decide otherwise.
    const sets = [
      ['{ id: permit-alice, effect: allow, who: { users: [alice] } }', '{ id: forbid-mallory, effect: deny, who: { users: [mallory] } }'],
      ['{ id: permit-mallory, effect: allow, who: { users: [mallory] } }', '{ id: forbid-alice, effect: deny, who: { users: [alice] } }'],
    ];
    const whole = [{ alice: true, mallory: false }, { alice: false, mallory: true }];
    write('a.yaml', sets[0]![0]!);
    write('b.yaml', sets[0]![1]!);
    await start();
    const made = new Map<string, PolicySet>();
    const seen = new Set<string>();
    let asked = 0;
    const ask = () => {
      const { policies, version } = directory.current;
      const set = made.get(version) ?? new PolicySet(policies!, version, engine);
      made.set(version, set);
      const [alice, mallory] = ['alice', 'mallory'].map((id) => set.decide({ ...REQUEST, subject: { type: 'user', id } }, ScopeGraph.EMPTY).isAllowed);
      expect(whole).toContainEqual({ alice, mallory });
      seen.add(alice ? 'permit' : 'forbid');
      asked += 1;
    };
    const asking = setInterval(ask, 2);
    try {
      for (let flip = 1; flip <= 24; flip += 1) {
        const [first, second] = sets[flip % 2]!;
        const half = `policies:\n  - ${second!.slice(0, second!.indexOf(', who'))} }\n# ${flip}\n`;
        if (flip % 3 === 0) {
          writeFileSync(join(folder, 'b.yaml'), half);
          await sleep(100);
        }
        write('a.yaml', first!);
        await sleep(15);
        write('b.yaml', second!);
        await sleep(85);
      }
      // However slow the machine is: each set is left alone once, until it decides.
      for (const [index, id] of ['permit-alice', 'permit-mallory'].entries()) {
        write('a.yaml', sets[index]![0]!);
        write('b.yaml', sets[index]![1]!);
        await until(() => directory.current.policies?.[0]?.id === `directory:${id}`);
        ask();
      }
    } finally {
      clearInterval(asking);
    }
    expect([...seen].sort()).toEqual(['forbid', 'permit']);
    expect(asked).toBeGreaterThan(100);
    expect(events.filter(({ type }) => type === 'policy_set.loaded').length).toBeGreaterThan(1);
  });
});

describe('the built-in policies', () => {
  it('are those of the file that is shipped', () => {
    const read = readPolicyFile({ name: 'default.yaml', text: DEFAULT_POLICIES });
    expect('policies' in read && read.policies.map(({ id }) => id)).toEqual(['agents-have-what-is-assigned', 'people-have-what-their-role-allows', 'clients-have-what-is-registered']);
  });

  it.each([
    ['an agent its scope', { type: 'agent', attributes: { status: 'active', assigned_scopes: ['a:b'] } }, 'issue', { type: 'scope', id: 'a:b:c' }, true],
    ['an agent another scope', { type: 'agent', attributes: { status: 'active', assigned_scopes: ['a:b'] } }, 'issue', { type: 'scope', id: 'a:c' }, false],
    ['a suspended agent its scope', { type: 'agent', attributes: { status: 'suspended', assigned_scopes: ['a:b'] } }, 'issue', { type: 'scope', id: 'a:b' }, false],
    ['an agent its tool', { type: 'agent', attributes: { status: 'active', assigned_tools: ['weather'] } }, 'invoke', { type: 'tool', id: 'weather' }, true],
    ['an agent another tool', { type: 'agent', attributes: { status: 'active', assigned_tools: ['weather'] } }, 'delegate', { type: 'tool', id: 'stocks' }, false],
    ['a person what their role allows', { type: 'user', attributes: { role: 'member' } }, 'delegate', { type: 'scope', id: 'a:b' }, true],
    ['a person without a role anything', { type: 'user', attributes: {} }, 'issue', { type: 'scope', id: 'a:b' }, false],
    ['a client what is registered', { type: 'client', attributes: { assigned_scopes: ['a:b'] } }, 'issue', { type: 'scope', id: 'a:b' }, true],
    ['a client to delegate it', { type: 'client', attributes: { assigned_scopes: ['a:b'] } }, 'delegate', { type: 'scope', id: 'a:b' }, false],
    ['anybody anything else', { type: 'user', attributes: { role: 'owner' } }, 'read', { type: 'record', id: '1' }, false],
  ])('allow %s', async (_what, subject, action, resource, expected) => {
    await start();
    const set = new PolicySet(directory.current.policies!, directory.current.version, engine);
    expect(set.decide({ ...REQUEST, subject: { id: 'x', ...subject }, action, resource }, ScopeGraph.EMPTY).isAllowed).toBe(expected);
  });
});
