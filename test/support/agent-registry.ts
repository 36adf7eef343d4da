import { Endings } from '../../src/modules/audit/endings.service.js';
import { AgentAdministration } from '../../src/modules/agents/agent-administration.service.js';
import { AgentDirectory } from '../../src/modules/agents/agent-directory.service.js';
import { AgentEnrolment } from '../../src/modules/agents/agent-enrolment.service.js';
import { Agent } from '../../src/modules/agents/agent.entity.js';
import { AgentOwners } from '../../src/modules/agents/agent-owners.service.js';
import { AgentTools } from '../../src/modules/agents/agent-tools.service.js';
import { AgentSecrets } from '../../src/modules/agents/agent-secrets.service.js';
import { AgentsService } from '../../src/modules/agents/agents.service.js';
import { Membership } from '../../src/modules/organizations/membership.entity.js';
import { Organization } from '../../src/modules/organizations/organization.entity.js';
import { OrganizationsService } from '../../src/modules/organizations/organizations.service.js';
import { ToolAdministration } from '../../src/modules/tools/tool-administration.service.js';
import { ToolAssignments } from '../../src/modules/tools/tool-assignments.service.js';
import { AgentTool, Tool } from '../../src/modules/tools/tool.entity.js';
import { ToolsService } from '../../src/modules/tools/tools.service.js';
import { User } from '../../src/modules/users/user.entity.js';
import { UsersService } from '../../src/modules/users/users.service.js';
import type { Config } from '../../src/platform/config/config.js';
import { openRegistry, type Registry } from './registry.js';

/** The modules up to agents, put together by hand on a database of their own. */
export interface AgentRegistry extends Registry {
  readonly organizations: OrganizationsService;
  readonly agents: AgentsService;
  readonly enrolment: AgentEnrolment;
  readonly directory: AgentDirectory;
  readonly agentAdministration: AgentAdministration;
  readonly agentSecrets: AgentSecrets;
  readonly tools: ToolsService;
  readonly toolAdministration: ToolAdministration;
  readonly agentTools: AgentTools;
  /** Registration as it is where the operator opened it to anybody. */
  readonly openEnrolment: AgentEnrolment;
}

export async function openAgentRegistry(): Promise<AgentRegistry> {
  const registry = await openRegistry([Agent, Organization, Membership, User, Tool, AgentTool]);
  const { database: { dataSource }, config, machineSecrets, registration, audit, changes, clients, ceiling, clientSecrets, masterKey, scopes, resources } = registry;
  const organizations = new OrganizationsService(dataSource.getRepository(Organization), dataSource.getRepository(Membership), machineSecrets);
  const users = new UsersService(dataSource.getRepository(User), dataSource.getRepository(Organization), dataSource.getRepository(Membership));
  const tools = new ToolsService(dataSource, changes);
  const assignments = new ToolAssignments(dataSource, tools);
  const agents = new AgentsService(dataSource, registration, clients, machineSecrets, assignments, audit, changes);
  const owners = new AgentOwners(users);
  const directory = new AgentDirectory(dataSource, clientSecrets, masterKey);
  const enrolmentWith = (settings: Config) => new AgentEnrolment(settings, dataSource, agents, organizations, owners, registration, ceiling);
  return {
    ...registry, organizations, agents, tools, directory,
    toolAdministration: new ToolAdministration(dataSource.getRepository(Tool), tools, scopes, resources, dataSource, audit, masterKey),
    agentTools: new AgentTools(dataSource, directory, assignments, ceiling, audit),
    enrolment: enrolmentWith(config),
    openEnrolment: enrolmentWith({ ...config, openRegistration: true }),
    agentAdministration: new AgentAdministration(dataSource, agents, owners, registration, ceiling, audit, new Endings()),
    agentSecrets: new AgentSecrets(dataSource, clientSecrets, clients, registration, ceiling, audit),
  };
}
