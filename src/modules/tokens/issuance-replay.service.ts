import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { OrganizationId } from '../../kernel/ids.js';
import { AgentsService } from '../agents/agents.service.js';
import { ClientsService } from '../clients/clients.service.js';
import { OrganizationsService } from '../organizations/organizations.service.js';
import { DecisionReplays, type EventReader } from '../policies/decision-replays.service.js';
import { ScopesService } from '../scopes/scopes.service.js';
import { ToolsService, type AssignedTool } from '../tools/tools.service.js';
import { UsersService } from '../users/users.service.js';
import { requestsAbout, type TokenTaker, type ToolInQuestion } from './issuance-question.js';
import { isRefreshToken, recordedIssuance, type RecordedIssuance } from './recorded-issuance.js';

interface PresentTaker {
  readonly taker: TokenTaker;
  readonly assignedTools: readonly AssignedTool[];
}

/** Turns the events of tokens, issued or denied by policies, back into what the policies were asked about them. */
@Injectable()
export class IssuanceReplay implements OnModuleInit {
  constructor(
    private readonly replays: DecisionReplays,
    private readonly organizations: OrganizationsService,
    private readonly users: UsersService,
    private readonly scopes: ScopesService,
    private readonly tools: ToolsService,
    private readonly clients: ClientsService,
    private readonly agents: AgentsService,
  ) {}

  onModuleInit(): void {
    this.replays.readBy(() => this.reader());
  }

  private reader(): EventReader {
    const takers = new Map<string, Promise<PresentTaker | undefined>>();
    return async (organizationId, event) => {
      if (isRefreshToken(event)) return [];
      const recorded = recordedIssuance(event);
      // What was refused here may have been for a place elsewhere, whose policies said so.
      if (!recorded || recorded.organizationId !== organizationId) return undefined;
      const { kind, id } = recorded.taker;
      const key = `${kind} ${id}`;
      let found = takers.get(key);
      if (!found) takers.set(key, found = this.presentTaker(organizationId, recorded.taker));
      const present = await found;
      if (!present) return undefined;
      const tools = await Promise.all(recorded.tools.map((name) => this.presentTool(organizationId, name, present.assignedTools)));
      const scopes = recorded.scopes.filter((name) => !this.scopes.isOidcScope(name));
      return requestsAbout({ organizationId, ...present, scopes, tools }, recorded.circumstances, { ip: event.source?.ip, time: event.time })
        .map((request) => ({ request, wasAllowed: recorded.wasAllowed }));
    };
  }

  /** Undefined when there is no such party in the organization any more. */
  private async presentTaker(organizationId: OrganizationId, { kind, id }: RecordedIssuance['taker']): Promise<PresentTaker | undefined> {
    if (kind === 'user') {
      const role = await this.organizations.roleOf(id, organizationId) ?? ((await this.users.findActive(id))?.isPlatformAdministrator ? 'owner' : undefined);
      return role && { taker: { kind: 'user', id, role }, assignedTools: [] };
    }
    const [agent, client, assignedTools] = await Promise.all([this.agents.findCached(id), this.clients.findCached(id), this.tools.ofAgent(id)]);
    if (client?.organizationId !== organizationId) return undefined;
    return agent ? { taker: { kind: 'agent', agent, client }, assignedTools } : { taker: { kind: 'client', client }, assignedTools: [] };
  }

  private async presentTool(organizationId: OrganizationId, name: string, assigned: readonly AssignedTool[]): Promise<ToolInQuestion> {
    return assigned.find((tool) => tool.name === name) ?? await this.tools.find(organizationId, name) ?? { name };
  }
}
