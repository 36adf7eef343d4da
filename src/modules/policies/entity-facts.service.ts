import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { nowDate } from '../../kernel/clock.js';
import { isId, type OrganizationId } from '../../kernel/ids.js';
import type { Attributes, DecisionEntity, DecisionRequest } from './decision.js';

/** How to find out about entities of a type: those of `$1` whose ids are `$2`, one row each, under the names that policies use. */
const ABOUT: Readonly<Record<string, { readonly query: string; readonly hasUuids: boolean }>> = {
  agent: {
    hasUuids: true,
    query: `SELECT a.id, CASE WHEN a.status = 'active' AND o.status = 'suspended' THEN 'suspended' ELSE a.status END AS status, a.agent_type, a.agent_model, a.agent_provider,
        a.trust_level AS agent_trust_level, a.capabilities, a.owner_user_id AS owner, c.scopes AS assigned_scopes,
        ARRAY(SELECT t.name FROM agent_tools g JOIN tools t ON t.id = g.tool_id WHERE g.agent_id = a.id AND t.is_active ORDER BY t.name) AS assigned_tools
      FROM agents a JOIN organizations o ON o.id = a.organization_id JOIN clients c ON c.id = a.client_id WHERE a.organization_id = $1 AND a.id = ANY ($2::uuid[])`,
  },
  user: {
    hasUuids: true,
    query: `SELECT u.id, u.status, m.role, ARRAY[m.role] AS roles FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.organization_id = $1 AND m.user_id = ANY ($2::uuid[])`,
  },
  client: {
    hasUuids: false,
    query: `SELECT c.id, CASE WHEN c.status = 'active' AND o.status = 'suspended' THEN 'suspended' ELSE c.status END AS status, c.scopes AS assigned_scopes
      FROM clients c JOIN organizations o ON o.id = c.organization_id WHERE c.organization_id = $1 AND c.kind <> 'agent' AND c.id = ANY ($2::text[])`,
  },
};

/**
 * What the server knows of agents, people and clients of an organization, under the names that policies use. Who asks for a
 * decision may add what the server does not know, but not contradict what it does.
 */
@Injectable()
export class EntityFacts {
  constructor(private readonly dataSource: DataSource) {}

  /** The request with what is known of those concerned, and with its time, so that it can be decided again. */
  async completeRequest(organizationId: OrganizationId, asked: Omit<DecisionRequest, 'organizationId'>): Promise<DecisionRequest> {
    const [completed] = await this.completeRequests(organizationId, [asked]);
    return completed!;
  }

  /** Asks once for each type of entity. Not for use inside a transaction. */
  async completeRequests(organizationId: OrganizationId, asked: readonly Omit<DecisionRequest, 'organizationId'>[]): Promise<DecisionRequest[]> {
    const known = await this.about(organizationId, asked.flatMap(({ subject, resource }) => [subject, resource]));
    const complete = (entity: DecisionEntity): DecisionEntity => {
      const facts = known.get(nameOf(entity));
      return facts ? { ...entity, attributes: { ...entity.attributes, ...facts } } : entity;
    };
    const time = nowDate().toISOString();
    return asked.map((one) => ({
      ...one, organizationId, subject: complete(one.subject), resource: complete(one.resource), context: { ...one.context, time: one.context?.['time'] ?? time },
    }));
  }

  private async about(organizationId: OrganizationId, entities: readonly DecisionEntity[]): Promise<Map<string, Attributes>> {
    const known = new Map<string, Attributes>();
    for (const [type, { query, hasUuids }] of Object.entries(ABOUT)) {
      const ids = new Set(entities.filter((entity) => entity.type === type && (hasUuids ? isId(entity.id) : !entity.id.includes('\0'))).map(({ id }) => id));
      if (ids.size === 0) continue;
      const rows = await this.dataSource.query<({ id: string } & Record<string, unknown>)[]>(query, [organizationId, [...ids]]);
      for (const { id, ...facts } of rows) known.set(nameOf({ type, id }), facts);
    }
    return known;
  }
}

function nameOf({ type, id }: Pick<DecisionEntity, 'type' | 'id'>): string {
  return `${type}\n${id}`;
}
