/**
 * A token is alive only if everything above it is. That is derived in SQL at the moment of the question, and it is one
 * text: introspection, the guard and issuance all ask exactly this.
 */

/** The reasons, in the order in which they are looked at. */
export const DEATHS = [
  'token_revoked', 'token_expired', 'client_inactive', 'organization_inactive', 'subject_inactive', 'consent_revoked', 'ancestor_inactive',
] as const;

export type Death = (typeof DEATHS)[number];

/**
 * What the predicate needs to see beside the token `t`: its client, organization, the person or agent it speaks for,
 * the consent it stands on.
 */
export const LIVENESS_JOINS = `
  LEFT JOIN clients c ON c.id = t.client_id
  LEFT JOIN organizations o ON o.id = t.organization_id
  LEFT JOIN users u ON u.id = t.user_id
  LEFT JOIN memberships m ON m.user_id = t.user_id AND m.organization_id = t.organization_id
  LEFT JOIN agents a ON a.id = t.agent_id
  LEFT JOIN consent_grants g ON g.id = t.consent_grant_id`;

/**
 * Null while alive, else the first reason it is not. `at` is the SQL of the present moment.
 *
 * A password change ends what was issued before it (ASVS 5.0 V7.4.3); a person who left the organization takes their
 * tokens along, unless they administer the platform.
 */
export function deadBecause(at: string): string {
  return `CASE
    WHEN t.revoked_at IS NOT NULL THEN 'token_revoked'
    WHEN t.expires_at <= ${at} THEN 'token_expired'
    WHEN c.status IS DISTINCT FROM 'active' THEN 'client_inactive'
    WHEN o.status IS DISTINCT FROM 'active' THEN 'organization_inactive'
    WHEN t.user_id IS NOT NULL AND (
      u.status IS DISTINCT FROM 'active'
      OR u.password_changed_at > t.issued_at
      OR (m.role IS NULL AND NOT u.is_platform_administrator)) THEN 'subject_inactive'
    WHEN t.agent_id IS NOT NULL AND a.status IS DISTINCT FROM 'active' THEN 'subject_inactive'
    WHEN t.consent_grant_id IS NOT NULL AND (g.id IS NULL OR g.revoked_at IS NOT NULL) THEN 'consent_revoked'
    WHEN t.ancestors IS NOT NULL AND (
      SELECT count(*) <> cardinality(t.ancestors) OR bool_or(
        above.revoked_at IS NOT NULL OR above_client.status IS DISTINCT FROM 'active'
        OR (above.agent_id IS NOT NULL AND above_agent.status IS DISTINCT FROM 'active')
        OR (above.consent_grant_id IS NOT NULL AND (above_consent.id IS NULL OR above_consent.revoked_at IS NOT NULL)))
      FROM tokens above
      LEFT JOIN clients above_client ON above_client.id = above.client_id
      LEFT JOIN agents above_agent ON above_agent.id = above.agent_id
      LEFT JOIN consent_grants above_consent ON above_consent.id = above.consent_grant_id
      WHERE above.token_id = ANY (t.ancestors)) THEN 'ancestor_inactive'
  END`;
}
