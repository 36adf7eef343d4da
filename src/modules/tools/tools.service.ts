import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isId, type OrganizationId } from '../../kernel/ids.js';
import { ChangeFeed } from '../../platform/database/change-feed.js';
import { ShortLivedCache } from '../../platform/database/short-lived-cache.js';
import { InputSchemas, type InputSchema } from './input-schema.js';
import type { AssignedTool } from './tool-grant.js';

export type { AssignedTool } from './tool-grant.js';

/** A tool as whoever checks a call of it needs it. */
export interface ToolRecord extends AssignedTool {
  readonly organizationId: OrganizationId;
  readonly inputSchema: InputSchema | null;
}

interface ToolRow {
  id: string;
  organization_id: OrganizationId;
  name: string;
  input_schema: InputSchema | null;
  permissions_required: string[];
  resource_identifier: string | null;
  cost_micros: string;
}

const COLUMNS = 't.id, t.organization_id, t.name, t.permissions_required, t.resource_identifier, t.cost_micros';
const NOTHING: readonly AssignedTool[] = [];

/** What the protocol and other modules need of tools. */
@Injectable()
export class ToolsService implements OnModuleInit {
  private readonly schemas = new InputSchemas();
  private readonly assigned = new ShortLivedCache<readonly AssignedTool[]>((agentId) => this.loadAssigned(agentId));
  private readonly byName = new ShortLivedCache<ToolRecord>((key) => this.loadByName(key));

  constructor(private readonly dataSource: DataSource, private readonly changes: ChangeFeed) {}

  onModuleInit(): void {
    this.changes.subscribe((kind, id) => {
      if (kind === 'agent_tools') this.invalidateAgent(id);
      else if (kind === 'tool' || kind === '*') this.invalidate();
    });
  }

  /** The active tools that are assigned to the agent, by name. The answer may be a second old. Not for use inside a transaction. */
  async ofAgent(agentId: string): Promise<readonly AssignedTool[]> {
    return isId(agentId) ? (await this.assigned.get(agentId))! : NOTHING;
  }

  /** The same without waiting; undefined when the database has to be asked. */
  peekOfAgent(agentId: string): readonly AssignedTool[] | undefined {
    return this.assigned.peek(agentId);
  }

  /** The active tool of this name. The answer may be a second old. Not for use inside a transaction. */
  find(organizationId: OrganizationId, name: string): Promise<ToolRecord | undefined> {
    // No name holds a space or is longer, so the two parts of a key cannot run into each other.
    return /^[\x21-\x7E]{1,128}$/.test(name) ? this.byName.get(`${organizationId} ${name}`) : Promise.resolve(undefined);
  }

  /** What is wrong with the arguments of a call, one text for each problem; nothing when the tool takes them. */
  checkArguments(tool: Pick<ToolRecord, 'inputSchema'>, args: unknown): string[] {
    return this.schemas.problemsWith(tool.inputSchema, args);
  }

  /** What keeps this from being the schema of a tool, in words that follow "The schema"; undefined when it is one. */
  schemaProblem(schema: InputSchema): string | undefined {
    return this.schemas.problemOf(schema);
  }

  /** Forgets every answer. */
  invalidate(): void {
    this.assigned.clear();
    this.byName.clear();
  }

  invalidateAgent(agentId: string): void {
    this.assigned.invalidate(agentId);
  }

  private async loadAssigned(agentId: string): Promise<readonly AssignedTool[]> {
    const rows = await this.dataSource.query<ToolRow[]>(
      `SELECT ${COLUMNS} FROM agent_tools a JOIN tools t ON t.id = a.tool_id WHERE a.agent_id = $1 AND t.is_active ORDER BY t.name`, [agentId]);
    return rows.map(assignedTool);
  }

  private async loadByName(key: string): Promise<ToolRecord | undefined> {
    const [organizationId, name] = key.split(' ');
    const [row] = await this.dataSource.query<ToolRow[]>(`SELECT ${COLUMNS}, t.input_schema FROM tools t WHERE t.organization_id = $1 AND t.name = $2 AND t.is_active`, [organizationId, name]);
    return row && { ...assignedTool(row), organizationId: row.organization_id, inputSchema: row.input_schema };
  }
}

function assignedTool(row: ToolRow): AssignedTool {
  return {
    id: row.id, name: row.name, permissionsRequired: row.permissions_required, resourceIdentifier: row.resource_identifier, costMicros: Number(row.cost_micros),
  };
}
