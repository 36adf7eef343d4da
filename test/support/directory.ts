import type { DataSource } from 'typeorm';
import { newId, type OrganizationId, type UserId } from '../../src/kernel/ids.js';
import { now } from '../../src/kernel/clock.js';
import { AuditLog } from '../../src/modules/audit/audit-log.service.js';
import { AuditRetention } from '../../src/modules/audit/audit-retention.service.js';
import { Background } from '../../src/platform/database/background.js';
import { Endings } from '../../src/modules/audit/endings.service.js';
import { RefusalTally } from '../../src/modules/audit/refusal-tally.service.js';
import { Membership } from '../../src/modules/organizations/membership.entity.js';
import { OrganizationAdministration } from '../../src/modules/organizations/organization-administration.service.js';
import { Organization } from '../../src/modules/organizations/organization.entity.js';
import { OrganizationsService } from '../../src/modules/organizations/organizations.service.js';
import { scopesOfRole } from '../../src/modules/organizations/roles.js';
import { AccountService } from '../../src/modules/users/account.service.js';
import { MembersService } from '../../src/modules/users/members.service.js';
import { PasswordsService } from '../../src/modules/users/passwords.service.js';
import { SignInSource } from '../../src/modules/users/sign-in-source.entity.js';
import { KnownDevices } from '../../src/modules/users/known-devices.service.js';
import { SignInThrottle } from '../../src/modules/users/sign-in-throttle.service.js';
import { SignIn } from '../../src/modules/users/sign-in.service.js';
import { UserAdministration } from '../../src/modules/users/user-administration.service.js';
import { User } from '../../src/modules/users/user.entity.js';
import { UsersService } from '../../src/modules/users/users.service.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { MachineSecrets } from '../../src/platform/crypto/machine-secrets.js';
import { MasterKey } from '../../src/platform/crypto/master-key.js';
import { PasswordHasher } from '../../src/platform/crypto/password-hasher.js';
import type { Caller, Role } from '../../src/platform/http/caller.js';
import type { AttemptLimiter } from '../../src/platform/redis/attempt-limiter.js';
import { throwawayDatabase } from './throwaway-database.js';

export const DIRECTORY_ENTITIES = [Organization, Membership, User, SignInSource];

/** KiB. */
export const MEMORY_COST = 2048;

/** Real hashing, at a tenth of the price, and how much of it there was. */
export class CountingHasher extends PasswordHasher {
  hashed = 0;
  verified = 0;

  constructor() {
    super({ memoryCost: MEMORY_COST });
  }

  override hash(password: string): Promise<string> {
    this.hashed += 1;
    return super.hash(password);
  }

  override verify(hash: string | undefined | null, password: string): Promise<boolean> {
    this.verified += 1;
    return super.verify(hash, password);
  }
}

/** Fixed windows by the kernel's clock, so that tests can let them pass. */
export class ClockedLimiter implements Pick<AttemptLimiter, 'consume'> {
  private readonly windows = new Map<string, { count: number; endsAt: number }>();

  consume(key: string, points: number, durationSeconds: number): Promise<{ allowed: boolean; retryAfterSeconds: number }> {
    const at = now();
    let window = this.windows.get(key);
    if (!window || window.endsAt <= at) this.windows.set(key, window = { count: 0, endsAt: at + durationSeconds * 1000 });
    window.count += 1;
    const allowed = window.count <= points;
    return Promise.resolve({ allowed, retryAfterSeconds: allowed ? 0 : Math.ceil((window.endsAt - at) / 1000) });
  }
}

export type Directory = Awaited<ReturnType<typeof openDirectory>>;

/** Organizations and people as the server wires them, on a database of one's own. */
export async function openDirectory(moreEntities: (new () => object)[] = []) {
  const database = await throwawayDatabase([...DIRECTORY_ENTITIES, ...moreEntities]);
  const { dataSource } = database;
  const masterKey = new MasterKey(Buffer.alloc(32, 7));
  const secrets = new MachineSecrets(masterKey);
  const hasher = new CountingHasher();
  const limiter = new ClockedLimiter() as unknown as AttemptLimiter;
  const audit = new AuditLog(dataSource, database.pool);
  const organizations = new OrganizationsService(dataSource.getRepository(Organization), dataSource.getRepository(Membership), secrets);
  const organizationAdministration = new OrganizationAdministration(
    dataSource.getRepository(Organization), organizations, secrets, dataSource, audit, new AuditRetention(new Background(dataSource), audit, loadConfig({})), masterKey);
  const users = new UsersService(dataSource.getRepository(User), dataSource.getRepository(Organization), dataSource.getRepository(Membership));
  const passwords = new PasswordsService(hasher);
  const tally = new RefusalTally(audit);
  const devices = new KnownDevices(masterKey, loadConfig({}));
  const throttle = new SignInThrottle(dataSource.getRepository(SignInSource), limiter, devices, masterKey);
  const signIn = new SignIn(dataSource.getRepository(User), users, throttle, hasher, dataSource, audit, tally);
  const members = new MembersService(dataSource.getRepository(Membership), organizations, users, dataSource, audit, masterKey);
  const userAdministration = new UserAdministration(users, members, organizations, passwords, dataSource, audit, new Endings());
  const account = new AccountService(users, signIn, passwords, dataSource, audit);

  const organization = (name: string): Promise<Organization> => dataSource.transaction((manager) => organizations.create(manager, { name }));

  /** A person who is a member of the organizations, with the role, at home in the first and signed in to it. */
  const person = async (role: Role, ...places: Organization[]): Promise<Caller> => {
    const id = await dataSource.transaction(async (manager) => {
      const user = await users.create(manager, { email: `${newId()}@example.com`, homeOrganizationId: places[0]?.id });
      for (const { id: organizationId } of places) await organizations.addMember(manager, { organizationId, userId: user.id, role });
      return user.id;
    });
    return callerOf(id, places[0]?.id ?? newId<OrganizationId>(), role);
  };

  return {
    ...database, audit, secrets, hasher, limiter, organizations, organizationAdministration, users, passwords, tally, devices, throttle, signIn, members, userAdministration,
    account, organization, person,
  };
}

export function callerOf(userId: UserId, organizationId: OrganizationId, role: Role): Caller {
  return { kind: 'user', subject: userId, clientId: 'console', organizationId, role, scopes: scopesOfRole(role), isPlatformAdministrator: false, tokenId: newId() };
}

export function clientOf(organizationId: OrganizationId, scopes: Iterable<string> = scopesOfRole('admin')): Caller {
  return { kind: 'client', subject: 'robot', clientId: 'robot', organizationId, scopes: new Set(scopes), isPlatformAdministrator: false, tokenId: newId() };
}

/** The recorded events, oldest first. */
export async function auditTrail(dataSource: DataSource): Promise<Record<string, unknown>[]> {
  const rows = await dataSource.query<{ body: string }[]>('SELECT body FROM audit_events ORDER BY sequence');
  return rows.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}
