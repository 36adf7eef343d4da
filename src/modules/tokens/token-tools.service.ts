import { Injectable } from '@nestjs/common';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import type { DelegationPath } from '../delegation/delegation-grants.service.js';
import { toolGrant } from '../tools/tool-grant.js';
import { ToolsService, type AssignedTool } from '../tools/tools.service.js';
import { lastOf } from './delegation-facts.js';
import type { ParentToken } from './token-lineage.service.js';
import { toolsMissing } from './tokens.errors.js';

export interface ToolWish {
  readonly agentId?: string;
  readonly audience: string;
  readonly scopes: readonly string[];
  readonly graph: ScopeGraph;
  /** `required_tools`, space-separated. */
  readonly required?: string;
  readonly path?: DelegationPath;
  readonly parent?: ParentToken;
}

const MOST_REQUIRED = 200;

/** Which tools a token is good for: those of its agent, within what it stands on. */
@Injectable()
export class TokenTools {
  constructor(private readonly tools: ToolsService) {}

  /**
   * Undefined where there is no agent, or one without tools that asks for none: then the token says nothing of tools.
   * @throws DomainError `access_denied` when a required tool cannot be had
   */
  async of({ agentId, audience, scopes, graph, required: text, path, parent }: ToolWish): Promise<readonly AssignedTool[] | undefined> {
    const required = text?.split(' ').filter((name) => name !== '').slice(0, MOST_REQUIRED);
    const assigned = agentId === undefined ? [] : this.tools.peekOfAgent(agentId) ?? await this.tools.ofAgent(agentId);
    if (assigned.length === 0 && required === undefined) return undefined;
    const bounds = [path && lastOf(path).tools, parent?.claims['tools'] as readonly string[] | undefined].filter((bound) => bound != null);
    const within = assigned.filter(({ name }) => bounds.every((bound) => bound.includes(name)));
    const made = toolGrant(within, { audience, scopes: new Set(scopes), graph, required });
    if ('missing' in made) throw toolsMissing(made.missing);
    return made.granted;
  }
}
