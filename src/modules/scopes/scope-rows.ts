import type { EntityManager } from 'typeorm';
import type { OrganizationId } from '../../kernel/ids.js';
import { ScopeGraph } from '../../kernel/scope-graph.js';
import { OIDC_SCOPES } from './built-in-scopes.js';

interface ScopeRow {
  name: string;
  description: string | null;
  is_active: boolean;
  is_default: boolean;
  is_sensitive: boolean;
  implies: string[];
  requires_approval: boolean;
}

/**
 * The scopes that an organization knows, each name once: what the installation defines holds for everybody while it is active,
 * else what the organization defines. (It may have had the name first.) Takes the organization's id.
 */
const KNOWN_SCOPES = `SELECT DISTINCT ON (name) name, description, is_active, is_default, is_sensitive, implies, requires_approval FROM scopes
  WHERE organization_id = $1 OR organization_id IS NULL
  ORDER BY name, (organization_id IS NULL AND is_active) DESC, organization_id NULLS LAST`;

export function readScopes(manager: EntityManager, organizationId: OrganizationId): Promise<ScopeRow[]> {
  return manager.query<ScopeRow[]>(KNOWN_SCOPES, [organizationId]);
}

export async function readScopeGraph(manager: EntityManager, organizationId: OrganizationId): Promise<ScopeGraph> {
  return graphOf(await readScopes(manager, organizationId));
}

export function graphOf(rows: readonly ScopeRow[]): ScopeGraph {
  const namesOf = (those: readonly ScopeRow[]) => those.map(({ name }) => name);
  return new ScopeGraph(
    new Map(rows.map(({ name, implies }) => [name, implies])),
    new Set(namesOf(rows.filter(({ is_active: isActive }) => !isActive))),
    { known: new Set([...namesOf(rows), ...OIDC_SCOPES]), requiringApproval: new Set(namesOf(rows.filter((row) => row.requires_approval))) },
  );
}
