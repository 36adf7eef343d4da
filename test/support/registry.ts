import { newId, type OrganizationId, type UserId } from '../../src/kernel/ids.js';
import { AuditLog } from '../../src/modules/audit/audit-log.service.js';
import { ClientAdministration } from '../../src/modules/clients/client-administration.service.js';
import { Client } from '../../src/modules/clients/client.entity.js';
import { ClientRegistration } from '../../src/modules/clients/client-registration.service.js';
import { ClientSecret } from '../../src/modules/clients/client-secret.entity.js';
import { ClientSecrets } from '../../src/modules/clients/client-secrets.service.js';
import { ClientsService } from '../../src/modules/clients/clients.service.js';
import { ScopeCeiling } from '../../src/modules/clients/scope-ceiling.service.js';
import { SecretUsage } from '../../src/modules/clients/secret-usage.service.js';
import { API_SCOPES } from '../../src/modules/organizations/roles.js';
import { ResourcesService } from '../../src/modules/resources/resources.service.js';
import { Scope } from '../../src/modules/scopes/scope.entity.js';
import { ScopesService } from '../../src/modules/scopes/scopes.service.js';
import { Config, environmentSchema, type Environment } from '../../src/platform/config/config.js';
import { MachineSecrets } from '../../src/platform/crypto/machine-secrets.js';
import { MasterKey } from '../../src/platform/crypto/master-key.js';
import { ChangeFeed } from '../../src/platform/database/change-feed.js';
import type { Caller, Role } from '../../src/platform/http/caller.js';
import { throwawayDatabase, type ThrowawayDatabase } from './throwaway-database.js';

/** The modules up to clients, put together by hand on a database of their own. */
export interface Registry {
  readonly database: ThrowawayDatabase;
  readonly config: Config;
  readonly masterKey: MasterKey;
  readonly machineSecrets: MachineSecrets;
  readonly changes: ChangeFeed;
  readonly audit: AuditLog;
  readonly scopes: ScopesService;
  readonly resources: ResourcesService;
  readonly usage: SecretUsage;
  readonly clients: ClientsService;
  readonly clientSecrets: ClientSecrets;
  readonly registration: ClientRegistration;
  readonly ceiling: ScopeCeiling;
  readonly administration: ClientAdministration;
}

export async function openRegistry(entities: readonly (new () => object)[] = [], environment: Partial<Record<keyof Environment, string>> = {}): Promise<Registry> {
  const config = new Config(environmentSchema.parse(environment));
  const database = await throwawayDatabase([Scope, Client, ClientSecret, ...entities]);
  const { dataSource } = database;
  const masterKey = new MasterKey(Buffer.from('0123456789abcdef0123456789ABCDEF'));
  const machineSecrets = new MachineSecrets(masterKey);
  const changes = new ChangeFeed(config, null);
  const audit = new AuditLog(dataSource, database.pool);
  const scopes = new ScopesService(dataSource.getRepository(Scope), config, changes);
  const resources = new ResourcesService(dataSource, scopes, config, changes, audit);
  const usage = new SecretUsage(dataSource);
  const clients = new ClientsService(dataSource, machineSecrets, scopes, config, usage, changes);
  const clientSecrets = new ClientSecrets(dataSource.getRepository(ClientSecret), machineSecrets);
  const registration = new ClientRegistration(config, clientSecrets, scopes, resources);
  const ceiling = new ScopeCeiling(clients, scopes);
  const administration = new ClientAdministration(dataSource, registration, clientSecrets, clients, ceiling, audit, masterKey);
  await dataSource.transaction(async (manager) => {
    await scopes.ensureBuiltIns(manager);
    await resources.ensureBuiltIns(manager);
    await clients.ensureFirstParty(manager);
  });
  return { database, config, masterKey, machineSecrets, changes, audit, scopes, resources, usage, clients, clientSecrets, registration, ceiling, administration };
}

export async function newOrganization({ database }: Registry, slug: string): Promise<OrganizationId> {
  const id = newId<OrganizationId>();
  await database.dataSource.query('INSERT INTO organizations (id, slug, name) VALUES ($1, $2, $2)', [id, slug]);
  return id;
}

/** A person of this role with every scope of the API that is named, or all of them. */
export async function newPerson({ database }: Registry, organizationId: OrganizationId, role: Role, scopes: readonly string[] = Object.keys(API_SCOPES)): Promise<Caller & { email: string }> {
  const id = newId<UserId>();
  const email = `${id}@example.com`;
  await database.dataSource.query('INSERT INTO users (id, email) VALUES ($1, $2)', [id, email]);
  await database.dataSource.query('INSERT INTO memberships (organization_id, user_id, role) VALUES ($1, $2, $3)', [organizationId, id, role]);
  return { kind: 'user', subject: id, clientId: 'swagger-ui', organizationId, role, scopes: new Set(scopes), isPlatformAdministrator: false, tokenId: newId(), email };
}

/** A token of a client or agent with these scopes. */
export function machineCaller(kind: 'client' | 'agent', clientId: string, organizationId: OrganizationId, scopes: readonly string[]): Caller {
  return { kind, subject: clientId, clientId, organizationId, scopes: new Set(scopes), isPlatformAdministrator: false, tokenId: newId() };
}

/** Types of the audit events about one thing, oldest first. */
export async function eventsAbout({ database }: Registry, id: string): Promise<string[]> {
  const rows = await database.dataSource.query<{ type: string }[]>(`SELECT type FROM audit_events WHERE body::json -> 'target' ->> 'id' = $1 ORDER BY sequence`, [id]);
  return rows.map(({ type }) => type);
}

/** How many of the promises came true, and with which codes the others were refused. */
export async function outcomes(attempts: readonly Promise<unknown>[]): Promise<{ succeeded: number; refusedWith: string[] }> {
  const settled = await Promise.allSettled(attempts);
  const refusedWith = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [(outcome.reason as { code: string }).code] : []));
  return { succeeded: settled.length - refusedWith.length, refusedWith: [...new Set(refusedWith)] };
}
