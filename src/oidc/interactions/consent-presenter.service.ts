import { Injectable } from '@nestjs/common';
import { AgentsService } from '../../modules/agents/agents.service.js';
import { ResourcesService } from '../../modules/resources/resources.service.js';
import { ScopesService } from '../../modules/scopes/scopes.service.js';
import { UsersService } from '../../modules/users/users.service.js';
import type { ConsentModel } from '../pages/page-models.js';
import { scopesOf } from './consent.js';
import type { ConsentStep } from './interactions.service.js';

const OIDC_DESCRIPTIONS: Readonly<Record<string, string>> = {
  openid: 'Know that it is you.',
  profile: 'See your name.',
  email: 'See your e-mail address.',
  offline_access: 'Stay connected when you are not there.',
};

/** Puts what is about to be agreed to into words for the consent page. */
@Injectable()
export class ConsentPresenter {
  constructor(
    private readonly users: UsersService,
    private readonly scopes: ScopesService,
    private readonly resources: ResourcesService,
    private readonly agents: AgentsService,
  ) {}

  async present(step: ConsentStep): Promise<ConsentModel> {
    const { client, interaction, before, after, standpoint, actor } = step;
    const { organization } = standpoint!;
    const redirectUri = new URL(String(interaction.params['redirect_uri']));
    const names = scopesOf(after);
    const earlier = new Set(scopesOf(before));
    const [user, described, agent, resources] = await Promise.all([
      this.users.findActive(step.userId),
      this.scopes.describe(organization.id, names),
      client.kind === 'agent' ? this.agents.findCached(client.id) : undefined,
      Promise.all(Object.keys(after?.resources ?? {}).map((identifier) => this.resources.resolve(identifier, organization.id))),
    ]);
    return {
      action: `/api/oauth/interaction/${interaction.uid}/consent`,
      csrfToken: step.csrfToken,
      client: {
        name: client.name,
        host: new URL(client.clientUri ?? redirectUri).host,
        redirectHost: redirectUri.host || redirectUri.protocol,
        // Clients other than agents are registered by an administrator; an agent may have registered itself.
        isVerified: client.kind !== 'agent' || (agent !== undefined && agent.profile.trustLevel !== 'unverified'),
        isFirstParty: client.kind === 'first_party',
        policyUri: client.policyUri,
        tosUri: client.tosUri,
      },
      user: { name: user?.name ?? user?.email ?? '', email: user?.email ?? '' },
      organizationName: organization.name,
      scopes: names.filter((name) => name !== 'offline_access').map((name) => ({
        name,
        description: OIDC_DESCRIPTIONS[name] ?? described.get(name)?.description ?? name,
        isSensitive: described.get(name)?.isSensitive ?? false,
        isNew: !earlier.has(name),
      })),
      resources: resources.flatMap((resource) => (resource ? [{ name: resource.name, identifier: resource.identifier }] : [])),
      offlineAccess: names.includes('offline_access'),
      actor: actor && { name: actor.name, type: actor.profile.type },
    };
  }
}
