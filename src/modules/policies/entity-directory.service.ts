import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { OrganizationId } from '../../kernel/ids.js';

/** The ids of a type that an organization, `$1`, has. */
const IDS: Readonly<Record<string, string>> = {
  user: 'SELECT user_id::text AS id FROM memberships WHERE organization_id = $1',
  agent: `SELECT id::text FROM agents WHERE organization_id = $1 AND status <> 'deactivated'`,
  client: `SELECT id FROM clients WHERE organization_id = $1 AND kind <> 'agent'`,
  scope: 'SELECT name AS id FROM scopes WHERE (organization_id = $1 OR organization_id IS NULL) AND is_active',
  tool: 'SELECT name AS id FROM tools WHERE organization_id = $1 AND is_active',
  resource: 'SELECT identifier AS id FROM resources WHERE (organization_id = $1 OR organization_id IS NULL) AND is_active',
};

/** What an organization has: its people, agents, clients, scopes, tools (by name) and resources. */
@Injectable()
export class EntityDirectory {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Ids of the organization's entities of a type, in the order of their bytes. None of a type that is not kept here.
   * @param after an id, whether there is such an entity or not; empty for the first
   */
  async list(organizationId: OrganizationId, type: string, after: string, limit: number): Promise<string[]> {
    const ids = Object.hasOwn(IDS, type) ? IDS[type] : undefined;
    if (ids === undefined) return [];
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM (${ids}) AS known WHERE id COLLATE "C" > $2 ORDER BY id COLLATE "C" LIMIT $3`, [organizationId, after.replaceAll('\0', ''), limit]);
    return rows.map(({ id }) => id);
  }
}
