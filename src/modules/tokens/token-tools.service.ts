import { Injectable } from '@nestjs/common';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import type { AgentRecord } from '../agents/agents.service.js';
import type { DelegationPath } from '../delegation/delegation-grants.service.js';
import { allowsAction, callsOf, type Bounds } from '../limits/bounds.js';
import { toolGrant } from '../tools/tool-grant.js';
import { ToolsService, type AssignedTool } from '../tools/tools.service.js';
import { lastOf } from './delegation-facts.js';
import type { ParentToken } from './token-lineage.service.js';
import { toolsMissing } from './tokens.errors.js';

export interface ToolWish {
  readonly agent?: AgentRecord;
  readonly audience: string;
  readonly scopes: readonly string[];
  readonly graph: ScopeGraph;
  /** `required_tools`, space-separated. */
  readonly required?: string;
  readonly path?: DelegationPath;
  readonly parent?: ParentToken;
}

const MOST_REQUIRED = 200;

/** Which tools a token is good for: those of its agent, within what it stands on and the actions that its limits allow. */
@Injectable()
export class TokenTools {
  constructor(private readonly tools: ToolsService) {}

  /**
   * Undefined where there is no agent, or one without tools that asks for none: then the token says nothing of tools.
   * @throws DomainError `access_denied` when a required tool cannot be had
   */
  async of({ agent, audience, scopes, graph, required: text, path, parent }: ToolWish): Promise<readonly AssignedTool[] | undefined> {
    const required = text?.split(' ').filter((name) => name !== '').slice(0, MOST_REQUIRED);
    const assigned = agent === undefined ? [] : this.tools.peekOfAgent(agent.id) ?? await this.tools.ofAgent(agent.id);
    if (assigned.length === 0 && required === undefined) return undefined;
    const bounds = [path && lastOf(path).tools, parent?.claims['tools'] as readonly string[] | undefined].filter((bound) => bound != null);
    const limits = actionBounds(agent, path);
    const within = assigned.filter(({ name }) => bounds.every((bound) => bound.includes(name)) && limits.every((bound) => allowsAction(bound, callsOf(name))));
    const made = toolGrant(within, { audience, scopes: new Set(scopes), graph, required });
    if ('missing' in made) throw toolsMissing(made.missing);
    return made.granted;
  }
}

type ActionBounds = Pick<Bounds, 'allowedActions'>;
const NO_BOUNDS: readonly ActionBounds[] = [];

function actionBounds(agent: AgentRecord | undefined, path: DelegationPath | undefined): readonly ActionBounds[] {
  const last = path && lastOf(path);
  if (!agent?.isLimited && (last === undefined || last.allowedActions === null)) return NO_BOUNDS;
  return [agent?.profile.limits, agent?.organizationLimits, last].filter((bound) => bound !== undefined);
}
