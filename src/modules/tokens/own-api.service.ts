import { Injectable } from '@nestjs/common';
import type { OrganizationId } from '../../kernel/ids.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { Config } from '../../platform/config/config.js';
import { ResourcesService, type ResolvedResource } from '../resources/resources.service.js';
import { ScopesService } from '../scopes/scopes.service.js';

/** This server's own API as an organization knows it. */
@Injectable()
export class OwnApi {
  constructor(private readonly config: Config, private readonly resources: ResourcesService, private readonly scopes: ScopesService) {}

  /** With what covers what among the scopes there. Not for use inside a transaction. */
  async resolve(organizationId: OrganizationId): Promise<{ resource: ResolvedResource; graph: ScopeGraph } | undefined> {
    const [resource, graph] = await Promise.all([this.resources.resolve(this.config.apiResource, organizationId), this.scopes.graphOf(organizationId)]);
    return resource && { resource, graph };
  }
}
