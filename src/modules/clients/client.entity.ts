import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ClientId, OrganizationId } from '../../kernel/ids.js';

export type ClientKind = 'agent' | 'application' | 'first_party';

export const CLIENT_STATUSES = ['pending', 'active', 'suspended', 'deactivated'] as const;
export type ClientStatus = (typeof CLIENT_STATUSES)[number];

export const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number];

export const APPLICATION_TYPES = ['web', 'native'] as const;
export type ApplicationType = (typeof APPLICATION_TYPES)[number];

/** Public keys, RFC 7517. */
export interface ClientJwks {
  keys: Record<string, unknown>[];
}

/** An OAuth client of any kind. Its members are those of RFC 7591 unless told otherwise. */
@Entity({ name: 'clients' })
export class Client {
  /** `client_id`. An agent's is its agent's id. */
  @PrimaryColumn({ type: 'text' })
  id: ClientId;

  /** Null for first-party clients, which serve every organization. */
  @Column({ name: 'organization_id', type: 'uuid', nullable: true })
  organizationId: OrganizationId | null;

  @Column({ type: 'text' })
  kind: ClientKind;

  @Column({ type: 'text' })
  name: string;

  /** Of an agent's client: the agent's. */
  @Column({ type: 'text' })
  status: ClientStatus;

  @Column({ name: 'token_endpoint_auth_method', type: 'text' })
  tokenEndpointAuthMethod: AuthMethod;

  @Column({ name: 'grant_types', type: 'text', array: true })
  grantTypes: string[];

  @Column({ name: 'redirect_uris', type: 'text', array: true })
  redirectUris: string[];

  @Column({ name: 'post_logout_redirect_uris', type: 'text', array: true })
  postLogoutRedirectUris: string[];

  @Column({ type: 'jsonb', nullable: true })
  jwks: ClientJwks | null;

  @Column({ name: 'jwks_uri', type: 'text', nullable: true })
  jwksUri: string | null;

  /** All it may ever ask for. */
  @Column({ type: 'text', array: true })
  scopes: string[];

  /** What it gets when it asks for nothing; empty means as much of `scopes` as the resource offers. */
  @Column({ name: 'default_scopes', type: 'text', array: true })
  defaultScopes: string[];

  /** Identifiers of the resources whose tokens it may introspect. */
  @Column({ name: 'served_resources', type: 'text', array: true })
  servedResources: string[];

  /** RFC 9449 section 5.2. */
  @Column({ name: 'dpop_bound_access_tokens', type: 'boolean' })
  dpopBoundAccessTokens: boolean;

  /** RFC 9126 section 6. */
  @Column({ name: 'require_pushed_authorization_requests', type: 'boolean' })
  requirePushedAuthorizationRequests: boolean;

  @Column({ name: 'require_pkce', type: 'boolean' })
  requirePkce: boolean;

  @Column({ name: 'rotate_refresh_tokens', type: 'boolean' })
  rotateRefreshTokens: boolean;

  @Column({ name: 'application_type', type: 'text' })
  applicationType: ApplicationType;

  @Column({ name: 'client_uri', type: 'text', nullable: true })
  clientUri: string | null;

  @Column({ name: 'logo_uri', type: 'text', nullable: true })
  logoUri: string | null;

  @Column({ name: 'policy_uri', type: 'text', nullable: true })
  policyUri: string | null;

  @Column({ name: 'tos_uri', type: 'text', nullable: true })
  tosUri: string | null;

  /** The registrant's own notes. */
  @Column({ type: 'jsonb' })
  metadata: Record<string, unknown>;

  /** Goes up with every change, so that copies can be told apart. */
  @Column({ type: 'integer' })
  version: number;

  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
