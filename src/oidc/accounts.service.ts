import { Injectable } from '@nestjs/common';
import type { Account, Grant, KoaContextWithOIDC } from 'oidc-provider';
import type { OrganizationId } from '../kernel/ids.js';
import type { ScopeGraph } from '../kernel/scope-graph.js';
import { AgentsService, type AgentRecord } from '../modules/agents/agents.service.js';
import type { ClientRecord } from '../modules/clients/clients.service.js';
import type { Organization } from '../modules/organizations/organization.entity.js';
import { OrganizationsService } from '../modules/organizations/organizations.service.js';
import { ScopesService } from '../modules/scopes/scopes.service.js';
import type { User } from '../modules/users/user.entity.js';
import { UsersService } from '../modules/users/users.service.js';
import { ConsentGrants } from '../modules/tokens/consent-grants.service.js';
import { TokenCutoffs } from '../modules/tokens/token-cutoffs.service.js';
import type { Role } from '../platform/http/caller.js';
import { clientRecordOf } from './clients.js';

/** In which organization, and as what, a person would act through a client. */
export interface Standpoint {
  readonly organization: Organization;
  readonly role: Role;
  /** What covers what among the scopes there. */
  readonly graph: ScopeGraph;
}

/** People, as the protocol sees them. */
@Injectable()
export class Accounts {
  constructor(
    private readonly users: UsersService,
    private readonly organizations: OrganizationsService,
    private readonly scopes: ScopesService,
    private readonly consents: ConsentGrants,
    private readonly agents: AgentsService,
    private readonly cutoffs: TokenCutoffs,
  ) {}

  /** Someone who may sign in now. A session from before the last end of all sign-ins is nobody's (ASVS 5.0 V7.4.2, V7.4.3). */
  async find(ctx: KoaContextWithOIDC, sub: string): Promise<Account | undefined> {
    const user = await this.users.findActive(sub);
    if (!user || this.isOutdated(ctx, user) || await this.isCutOff(ctx, user)) return undefined;
    return {
      accountId: user.id,
      claims: async () => ({
        sub: user.id, email: user.email, email_verified: user.emailVerified, name: user.name ?? undefined,
        updated_at: Math.floor(user.updatedAt.getTime() / 1000),
      }),
    };
  }

  /**
   * The organization of a client that belongs to one, if the person is a member; for the installation's own clients the one
   * that the person works in. Undefined when there is none: they may not use this client.
   */
  async standpoint(userId: string, client: ClientRecord): Promise<Standpoint | undefined> {
    const place = client.organizationId ? await this.placeIn(client.organizationId, userId) : await this.users.activeOrganization(userId);
    return place && { ...place, graph: await this.scopes.graphOf(place.organization.id) };
  }

  /**
   * The agent that would act for the person: the one that the request names as `requested_actor`, or a client that is one itself.
   * `unknown` when the one that is named does not exist where the person acts, or is not active.
   */
  async actorFor(client: ClientRecord, { organization }: Pick<Standpoint, 'organization'>, { requested_actor: named }: { readonly requested_actor?: unknown }): Promise<AgentRecord | 'unknown' | undefined> {
    if (named === undefined && client.kind !== 'agent') return undefined;
    const agent = await this.agents.findCached(typeof named === 'string' ? named : client.id);
    return agent?.organizationId === organization.id && agent.status === 'active' ? agent : 'unknown';
  }

  /** The consent this session has given the client before, if it was for the organization that the person acts in now. */
  async loadGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
    const client = clientRecordOf(ctx.oidc.client!);
    const given = ctx.oidc.result?.consent?.grantId ?? ctx.oidc.session!.grantIdFor(client.id);
    if (!given) return undefined;
    const consent = await this.consents.findActive(given);
    if (!consent || consent.userId !== ctx.oidc.session!.accountId) return undefined;
    // Another actor is another question.
    const named = (ctx.oidc.params as { requested_actor?: string }).requested_actor;
    if (consent.actorId !== (named === undefined || named === client.id ? null : named)) return undefined;
    const standpoint = await this.standpoint(consent.userId, client);
    return standpoint?.organization.id === consent.organizationId ? ctx.oidc.provider.Grant.find(given) : undefined;
  }

  isOutdated(ctx: KoaContextWithOIDC, user: Pick<User, 'signInsEndedAt'>): boolean {
    const signedInAt = ctx.oidc.session?.loginTs;
    return signedInAt !== undefined && user.signInsEndedAt !== null && signedInAt * 1000 < user.signInsEndedAt.getTime();
  }

  /** Has everything ended meanwhile that the sign-in of this session could bring, where the person would use this client? */
  private async isCutOff(ctx: KoaContextWithOIDC, user: Pick<User, 'id'>): Promise<boolean> {
    const { session, client } = ctx.oidc;
    if (session?.loginTs === undefined || !client) return false;
    const record = clientRecordOf(client);
    const organizationId = record.organizationId ?? (await this.users.activeOrganization(user.id))?.organization.id;
    const moment = organizationId === undefined ? undefined : await this.cutoffs.of(organizationId, record.id);
    return moment !== undefined && session.loginTs * 1000 < moment.getTime();
  }

  private async placeIn(organizationId: OrganizationId, userId: string): Promise<Omit<Standpoint, 'graph'> | undefined> {
    const [organization, role, user] = await Promise.all([
      this.organizations.findById(organizationId), this.organizations.roleOf(userId, organizationId), this.users.findActive(userId),
    ]);
    const effective = role ?? (user?.isPlatformAdministrator ? 'owner' : undefined);
    return organization?.status === 'active' && effective ? { organization, role: effective } : undefined;
  }
}
