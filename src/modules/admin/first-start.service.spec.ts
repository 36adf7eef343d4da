import { auditTrail, openDirectory, type Directory } from '../../../test/support/directory.js';
import { now, useClock } from '../../kernel/clock.js';
import type { ChangeFeed } from '../../platform/database/change-feed.js';
import { Config, environmentSchema } from '../../platform/config/config.js';
import { ClientSecret } from '../clients/client-secret.entity.js';
import { Client } from '../clients/client.entity.js';
import { ClientsService } from '../clients/clients.service.js';
import type { SecretUsage } from '../clients/secret-usage.service.js';
import { Membership } from '../organizations/membership.entity.js';
import { Organization } from '../organizations/organization.entity.js';
import { Scope } from '../scopes/scope.entity.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { User } from '../users/user.entity.js';
import { FirstStartService } from './first-start.service.js';
import { Founder } from './founder.service.js';
import { SetupLink } from './setup-link.entity.js';
import { SetupLinks } from './setup-links.service.js';
import { SetupService } from './setup.service.js';

const PASSWORD = 'correct horse battery staple';
const ADMINISTRATOR = { LEGATE_BOOTSTRAP_ADMIN_EMAIL: 'Admin@example.com', LEGATE_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD };
const CLIENT = { LEGATE_BOOTSTRAP_CLIENT_SECRET: 'an-operator-chose-these-32-characters' };
const HERE = '192.0.2.30';

let directory: Directory;
let recordedBefore: number;

beforeAll(async () => { directory = await openDirectory([Client, ClientSecret, Scope, SetupLink]); });
afterAll(() => directory.drop());

beforeEach(async () => {
  for (const table of ['organizations', 'users', 'clients', 'scopes', 'setup_links']) await directory.dataSource.query(`DELETE FROM ${table}`);
  recordedBefore = (await auditTrail(directory.dataSource)).length;
});

/** A node of the installation, with the settings. */
function node(environment: Record<string, string> = {}) {
  const { dataSource, secrets, users, organizations, passwords, audit } = directory;
  const config = new Config(environmentSchema.parse({ LEGATE_ISSUER: 'https://id.example.com', ...environment }));
  const clients = new ClientsService(
    dataSource, secrets, new ScopesService(dataSource.getRepository(Scope), config, {} as ChangeFeed), config, {} as SecretUsage, {} as ChangeFeed);
  const founder = new Founder(users, organizations);
  const links = new SetupLinks(secrets);
  return {
    start: new FirstStartService(config, founder, links, clients, passwords, dataSource, audit),
    setup: new SetupService(founder, links, passwords, dataSource, audit),
  };
}

const secretOf = (link: string | undefined) => link!.slice(link!.indexOf('#') + 1);
const answers = (secret: string, changes: object = {}) => ({ secret, email: 'First@example.com', password: PASSWORD, organization_name: 'Acme', ...changes });
const countOf = (entity: new () => object) => directory.dataSource.getRepository(entity).count();
const trail = async () => (await auditTrail(directory.dataSource)).slice(recordedBefore).map(({ type, outcome }) => `${String(type)} ${String(outcome)}`);
const outcomeOf = (work: Promise<unknown>) => work.then(() => 'set up', ({ code }: { code: string }) => code);

describe('an empty installation without settings', () => {
  it('prints a link, and whoever has it becomes platform administrator and owner of the default organization', async () => {
    const { setupLink, notices } = await node().start.begin();
    expect(setupLink).toMatch(/^https:\/\/id\.example\.com\/setup#lgt_setup_[0-9A-Za-z]{12}_[0-9A-Za-z]+$/);
    expect(notices).toEqual([]);

    const result = await node().setup.complete(answers(secretOf(setupLink), { name: 'Ada' }));
    const organization = (await directory.organizations.findById(result.organization_id))!;
    expect(organization).toMatchObject({ name: 'Acme', slug: 'default' });
    expect(result).toEqual({ user_id: expect.any(String), email: 'first@example.com', organization_id: organization.id, organization_slug: 'default' });
    expect(await directory.users.findById(result.user_id)).toMatchObject({ name: 'Ada', isPlatformAdministrator: true, activeOrganizationId: organization.id });
    expect(await directory.organizations.roleOf(result.user_id, organization.id)).toBe('owner');
    expect(await directory.signIn.verify('first@example.com', PASSWORD, HERE)).toMatchObject({ id: result.user_id });
    expect(await trail()).toEqual(['installation.set_up success', 'user.signed_in success']);
    expect(await node().start.begin()).toEqual({ setupLink: undefined, notices: [] });
  });

  it('keeps only a hash of the secret', async () => {
    const secret = secretOf((await node().start.begin()).setupLink);
    const [{ text }] = await directory.dataSource.query<[{ text: string }]>('SELECT l::text AS text FROM setup_links l');
    expect(text).not.toContain(secret.split('_').at(-1));
  });

  it('keeps one link at most, and none once somebody has used it', async () => {
    await node().start.begin();
    const secret = secretOf((await node().start.begin()).setupLink);
    expect(await countOf(SetupLink)).toBe(1);
    expect(await outcomeOf(node().setup.complete(answers(secret)))).toBe('set up');
    expect(await countOf(SetupLink)).toBe(0);
  });

  it('takes only the link of the latest start', async () => {
    const former = secretOf((await node().start.begin()).setupLink);
    const latter = secretOf((await node().start.begin()).setupLink);
    expect(await outcomeOf(node().setup.complete(answers(former)))).toBe('invalid_setup_secret');
    expect(await outcomeOf(node().setup.complete(answers(latter)))).toBe('set up');
  });

  it('takes a link for 30 minutes', async () => {
    const secret = secretOf((await node().start.begin()).setupLink);
    const start = now();
    const restore = useClock({ now: () => start + 30 * 60_000 });
    expect(await outcomeOf(node().setup.complete(answers(secret)))).toBe('invalid_setup_secret');
    restore();
    const restoreAgain = useClock({ now: () => start + 30 * 60_000 - 2000 });
    expect(await outcomeOf(node().setup.complete(answers(secret)))).toBe('set up');
    restoreAgain();
  });

  it('takes a link once of ten people at once, on two nodes', async () => {
    const secret = secretOf((await node().start.begin()).setupLink);
    const nodes = [node(), node()];
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, index) =>
      outcomeOf(nodes[index % 2]!.setup.complete(answers(secret, { email: `person${index}@example.com` })))));
    expect(outcomes.sort()).toEqual([...Array<string>(9).fill('invalid_setup_secret'), 'set up']);
    expect([await countOf(User), await countOf(Organization), await countOf(Membership)]).toEqual([1, 1, 1]);
  });

  it('does not use the link up on a weak password or a bad address', async () => {
    const secret = secretOf((await node().start.begin()).setupLink);
    expect(await outcomeOf(node().setup.complete(answers(secret, { password: 'password1' })))).toBe('weak_password');
    expect(await outcomeOf(node().setup.complete(answers(secret, { email: 'first@exämple.com' })))).toBe('email_malformed');
    expect([await countOf(User), await countOf(Organization)]).toEqual([0, 0]);
    expect(await outcomeOf(node().setup.complete(answers(secret)))).toBe('set up');
  });

  it('refuses every other secret alike, without hashing', async () => {
    const { setupLink } = await node().start.begin();
    const { hashed } = directory.hasher;
    const wrong = ['', 'x'.repeat(200), directory.secrets.mint('setup').text, directory.secrets.mint('client').text, `${secretOf(setupLink)}0`];
    for (const secret of wrong) expect(await outcomeOf(node().setup.complete(answers(secret)))).toBe('invalid_setup_secret');
    expect(directory.hasher.hashed).toBe(hashed);
    expect(await outcomeOf(node().setup.complete(answers(secretOf(setupLink))))).toBe('set up');
  });
});

describe('an empty installation with bootstrap settings', () => {
  it('makes the administrator and the client, asks for their removal, and prints no link', async () => {
    const first = await node({ ...ADMINISTRATOR, ...CLIENT }).start.begin();
    expect(first).toEqual({ setupLink: undefined, notices: [
      'Made the platform administrator of the configuration. Remove LEGATE_BOOTSTRAP_ADMIN_EMAIL and LEGATE_BOOTSTRAP_ADMIN_PASSWORD now.',
      'Made the client "bootstrap" of the configuration. Remove LEGATE_BOOTSTRAP_CLIENT_SECRET now.',
    ] });
    const user = (await directory.users.findByEmail('admin@example.com'))!;
    expect(user).toMatchObject({ isPlatformAdministrator: true });
    const { organization, role } = (await directory.users.activeOrganization(user.id))!;
    expect({ slug: organization.slug, name: organization.name, role }).toEqual({ slug: 'default', name: 'Default', role: 'owner' });
    expect(await directory.dataSource.query('SELECT id, organization_id FROM clients')).toEqual([{ id: 'bootstrap', organization_id: organization.id }]);
    expect(await trail()).toEqual(['installation.bootstrapped success', 'installation.bootstrapped success']);
  });

  it('says at every later start that they do nothing, and does nothing', async () => {
    await node({ ...ADMINISTRATOR, ...CLIENT }).start.begin();
    const { email, passwordHash } = (await directory.users.findByEmail('admin@example.com'))!;
    const later = await node({ ...ADMINISTRATOR, ...CLIENT, LEGATE_BOOTSTRAP_ADMIN_PASSWORD: 'seven green bicycles underwater' }).start.begin();
    expect(later.setupLink).toBeUndefined();
    expect(later.notices).toEqual([
      expect.stringContaining('LEGATE_BOOTSTRAP_ADMIN_EMAIL and LEGATE_BOOTSTRAP_ADMIN_PASSWORD did nothing'), expect.stringContaining('LEGATE_BOOTSTRAP_CLIENT_SECRET did nothing'),
    ]);
    expect(await directory.users.findByEmail(email)).toMatchObject({ passwordHash });
    expect([await countOf(User), await countOf(Organization), await countOf(ClientSecret), (await trail()).length]).toEqual([1, 1, 1, 2]);
  });

  it('makes everything once when two nodes start at once', async () => {
    const starts = await Promise.all([node({ ...ADMINISTRATOR, ...CLIENT }).start.begin(), node({ ...ADMINISTRATOR, ...CLIENT }).start.begin()]);
    expect(starts.map(({ notices }) => notices.filter((notice) => notice.startsWith('Made')).length).sort()).toEqual([0, 2]);
    expect([await countOf(User), await countOf(Organization), await countOf(Membership), await countOf(ClientSecret)]).toEqual([1, 1, 1, 1]);
  });

  it('still prints a link when there is a client but nobody, and the first person owns the client\'s organization', async () => {
    const { setupLink } = await node(CLIENT).start.begin();
    const again = await node(CLIENT).start.begin();
    expect(again.notices).toEqual([expect.stringContaining('LEGATE_BOOTSTRAP_CLIENT_SECRET did nothing')]);
    expect(await outcomeOf(node().setup.complete(answers(secretOf(setupLink))))).toBe('invalid_setup_secret');
    const result = await node().setup.complete(answers(secretOf(again.setupLink)));
    expect(await directory.dataSource.query('SELECT c.organization_id, o.name FROM clients c JOIN organizations o ON o.id = c.organization_id'))
      .toEqual([{ organization_id: result.organization_id, name: 'Acme' }]);
  });

  it('ends a link that is out when it makes the administrator', async () => {
    const { setupLink } = await node().start.begin();
    await node(ADMINISTRATOR).start.begin();
    expect(await outcomeOf(node().setup.complete(answers(secretOf(setupLink))))).toBe('invalid_setup_secret');
    expect(await countOf(User)).toBe(1);
  });

  it('refuses to start with a password that anybody could guess', async () => {
    await expect(node({ ...ADMINISTRATOR, LEGATE_BOOTSTRAP_ADMIN_PASSWORD: 'password1' }).start.begin()).rejects.toMatchObject({
      code: 'bootstrap_password_weak', message: expect.stringMatching(/^LEGATE_BOOTSTRAP_ADMIN_PASSWORD .*\.$/),
    });
    expect(await countOf(User)).toBe(0);
  });
});
