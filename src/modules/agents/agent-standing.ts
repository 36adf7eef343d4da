import type { Caller } from '../../platform/http/caller.js';
import { standingOf } from '../organizations/roles.js';
import type { Agent } from './agent.entity.js';

/**
 * The person whose agents are all that this caller may see and manage, or undefined for whoever runs the organization:
 * its owners and admins, and agents and clients with the scope.
 */
export function limitedToOwner(caller: Caller): string | undefined {
  return standingOf(caller) === 'member' ? caller.subject : undefined;
}

/** Is this an agent that the caller may see and manage? */
export function isWithinReach(caller: Caller, agent: Pick<Agent, 'organizationId' | 'ownerUserId'>): boolean {
  const owner = limitedToOwner(caller);
  return agent.organizationId === caller.organizationId && (owner === undefined || agent.ownerUserId === owner);
}

/** May the caller say how far an agent is trusted? People and clients who run the organization may; agents do not vouch for agents. */
export function mayVouch(caller: Caller): boolean {
  return caller.kind !== 'agent' && standingOf(caller) !== 'member';
}
