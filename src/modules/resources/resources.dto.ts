import { ArrayMaxSize, ArrayUnique, IsArray, IsBoolean, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { PageQuery } from '../../platform/http/page.js';
import { IsDisplayName, IsPlainText, IsScopeToken } from '../../platform/http/validation.js';
import { RESOURCE_KINDS, SIGNING_ALGORITHMS, TOKEN_FORMATS, type Resource } from './resource.entity.js';

export class ResourcesQuery extends PageQuery {
  /** Only resources of this kind. */
  @IsOptional() @IsIn(RESOURCE_KINDS)
  kind?: 'api' | 'mcp_server';

  /** Only resources whose name or identifier contains this text. */
  @IsOptional() @IsPlainText(200)
  q?: string;
}

export class CreateResourceDto {
  /**
   * What clients send as `resource` (RFC 8707) and what the resource finds in `aud`: an absolute https URI without a fragment. It never changes,
   * and no other resource of any organization has it, in whatever spelling.
   * @example https://calendar.example.com/api
   */
  @IsString() @MaxLength(512)
  identifier: string;

  /**
   * What people call it.
   * @example Calendar
   */
  @IsDisplayName()
  name: string;

  /** An API, or a server of the Model Context Protocol. */
  @IsOptional() @IsIn(RESOURCE_KINDS)
  kind?: 'api' | 'mcp_server';

  /** What can be asked of it: names of scopes that exist. */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes?: string[];

  /** `jwt` (RFC 9068), or `opaque` for tokens that only introspection can read. */
  @IsOptional() @IsIn(TOKEN_FORMATS)
  token_format?: 'jwt' | 'opaque';

  /** How its JWTs are signed. */
  @IsOptional() @IsIn(SIGNING_ALGORITHMS)
  signing_algorithm?: 'ES256' | 'RS256';

  /** Lifetime of its access tokens in seconds, 30 to 86400. Without it the server's setting holds. */
  @IsOptional() @IsInt() @Min(30) @Max(86_400)
  access_token_ttl?: number | null;
}

export class UpdateResourceDto {
  /** What people call it. */
  @IsOptional() @IsDisplayName()
  name?: string;

  /** An API, or a server of the Model Context Protocol. */
  @IsOptional() @IsIn(RESOURCE_KINDS)
  kind?: 'api' | 'mcp_server';

  /** What can be asked of it: names of scopes that exist. Replaces the former list. */
  @IsOptional() @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes?: string[];

  /** `jwt` (RFC 9068), or `opaque` for tokens that only introspection can read. */
  @IsOptional() @IsIn(TOKEN_FORMATS)
  token_format?: 'jwt' | 'opaque';

  /** How its JWTs are signed. */
  @IsOptional() @IsIn(SIGNING_ALGORITHMS)
  signing_algorithm?: 'ES256' | 'RS256';

  /** Lifetime of its access tokens in seconds, 30 to 86400. Null follows the server's setting. */
  @IsOptional() @IsInt() @Min(30) @Max(86_400)
  access_token_ttl?: number | null;

  /** No token is issued for an inactive resource. */
  @IsOptional() @IsBoolean()
  is_active?: boolean;
}

export class ResourceDto {
  id: string;
  /** What clients send as `resource` and what the resource finds in `aud`. */
  identifier: string;
  name: string;
  kind: 'api' | 'mcp_server';
  /** What can be asked of it. */
  scopes: string[];
  /** `jwt` (RFC 9068), or `opaque` for tokens that only introspection can read. */
  token_format: 'jwt' | 'opaque';
  /** How its JWTs are signed. */
  signing_algorithm: 'ES256' | 'RS256';
  /** Lifetime of its access tokens in seconds; null follows the server's setting. */
  access_token_ttl: number | null;
  /** No token is issued for an inactive one. */
  is_active: boolean;
  /** This server's own API, which cannot be changed. */
  is_built_in: boolean;
  created_at: string;
  updated_at: string;

  static of(resource: Resource): ResourceDto {
    return {
      id: resource.id,
      identifier: resource.identifier,
      name: resource.name,
      kind: resource.kind,
      scopes: resource.scopes,
      token_format: resource.tokenFormat,
      signing_algorithm: resource.signingAlgorithm,
      access_token_ttl: resource.accessTokenTtl,
      is_active: resource.isActive,
      is_built_in: resource.organizationId === null,
      created_at: resource.createdAt.toISOString(),
      updated_at: resource.updatedAt.toISOString(),
    };
  }
}

export class ResourcePageDto {
  data: ResourceDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}
