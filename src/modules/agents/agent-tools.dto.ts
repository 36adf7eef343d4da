import type { Tool } from '../tools/tool.entity.js';

/** What an agent's manager sees of a tool; the rest is at `/api/tools/:id`. */
export class AgentToolDto {
  id: string;
  name: string;
  description: string | null;
  category: string | null;
  /** Scopes, all of which a token has to cover to be good for it. */
  permissions_required: string[];
  /** Identifier of the API or MCP server that offers it; null when any may. */
  resource: string | null;
  /** An inactive one is in no new token. */
  is_active: boolean;

  static of(tool: Tool): AgentToolDto {
    return {
      id: tool.id, name: tool.name, description: tool.description, category: tool.category, permissions_required: tool.permissionsRequired,
      resource: tool.resourceIdentifier, is_active: tool.isActive,
    };
  }
}

export class AgentToolListDto {
  data: AgentToolDto[];
  /** Always null: there is one page. */
  next_cursor: string | null;
}
