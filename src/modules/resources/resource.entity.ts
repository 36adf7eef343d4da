import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OrganizationId, ResourceId } from '../../kernel/ids.js';

export const RESOURCE_KINDS = ['api', 'mcp_server'] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

export const TOKEN_FORMATS = ['jwt', 'opaque'] as const;
export type TokenFormat = (typeof TOKEN_FORMATS)[number];

export const SIGNING_ALGORITHMS = ['ES256', 'RS256'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** A protected API or MCP server that accepts our tokens. */
@Entity({ name: 'resources' })
export class Resource {
  @PrimaryColumn({ type: 'uuid' })
  id: ResourceId;

  /** Null for this server's own API. */
  @Column({ name: 'organization_id', type: 'uuid', nullable: true })
  organizationId: OrganizationId | null;

  /** The resource indicator of RFC 8707 and the audience of its tokens; unique in the installation, never changed. */
  @Column({ type: 'text', unique: true })
  identifier: string;

  /** What no two identifiers have in common: see docs/decisions/0011-one-identifier-one-resource.md. */
  @Column({ name: 'canonical_identifier', type: 'text', unique: true })
  canonicalIdentifier: string;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text' })
  kind: ResourceKind;

  /** What can be asked of it. */
  @Column({ type: 'text', array: true })
  scopes: string[];

  @Column({ name: 'token_format', type: 'text' })
  tokenFormat: TokenFormat;

  @Column({ name: 'signing_algorithm', type: 'text' })
  signingAlgorithm: SigningAlgorithm;

  /** Seconds; null follows the server's setting. */
  @Column({ name: 'access_token_ttl', type: 'integer', nullable: true })
  accessTokenTtl: number | null;

  /** No token is issued for an inactive resource. */
  @Column({ name: 'is_active', type: 'boolean' })
  isActive: boolean;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
