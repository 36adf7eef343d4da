import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AgentId, Id, OrganizationId } from '../../kernel/ids.js';
import type { InputSchema } from './input-schema.js';

export type ToolId = Id<'tool'>;

/** Something that an agent can call: a function of an API or of an MCP server. */
@Entity({ name: 'tools' })
export class Tool {
  @PrimaryColumn({ type: 'uuid' })
  id: ToolId;

  @Column({ name: 'organization_id', type: 'uuid' })
  organizationId: OrganizationId;

  /** Unique in the organization, never changed: tokens and delegations name it. */
  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', nullable: true })
  description: string | null;

  @Column({ type: 'text', nullable: true })
  category: string | null;

  /** JSON Schema (2020-12) of its arguments; null takes any object. */
  @Column({ name: 'input_schema', type: 'jsonb', nullable: true })
  inputSchema: InputSchema | null;

  /** Scopes, all of which a token has to cover to be good for it. */
  @Column({ name: 'permissions_required', type: 'text', array: true })
  permissionsRequired: string[];

  /** The API or MCP server that offers it; null when any may. */
  @Column({ name: 'resource_identifier', type: 'text', nullable: true })
  resourceIdentifier: string | null;

  /** Millionths of a US dollar a call. */
  @Column({ name: 'cost_micros', type: 'bigint', transformer: { from: Number, to: (value: number) => value } })
  costMicros: number;

  /** An inactive tool is in no new token, and no call of it is right. */
  @Column({ name: 'is_active', type: 'boolean' })
  isActive: boolean;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}

/** An agent may call a tool. */
@Entity({ name: 'agent_tools' })
export class AgentTool {
  @PrimaryColumn({ name: 'agent_id', type: 'uuid' })
  agentId: AgentId;

  @PrimaryColumn({ name: 'tool_id', type: 'uuid' })
  toolId: ToolId;
}
