/**
 * A delegation is alive only if it and everything above it is: not revoked, not over, each agent on the way active. (The person
 * or agent at the top is the subject of the tokens that are issued for it, and judged as such.) One text, asked by lists, by
 * issuance and by every question about a token.
 *
 * @param grant SQL alias of a row of `delegation_grants`
 * @param at SQL of the present moment
 */
export function delegationIsDead(grant: string, at: string): string {
  return `(${grant}.revoked_at IS NOT NULL OR ${grant}.expires_at <= ${at}
    OR (SELECT status FROM agents WHERE agents.id = ${grant}.agent_id) IS DISTINCT FROM 'active'
    OR (${grant}.parent_grant_id IS NOT NULL AND (
      SELECT count(*) <> cardinality(${grant}.ancestors) OR bool_or(higher.revoked_at IS NOT NULL OR holder.status IS DISTINCT FROM 'active')
      FROM delegation_grants higher LEFT JOIN agents holder ON holder.id = higher.agent_id WHERE higher.id = ANY (${grant}.ancestors))))`;
}
