import { ArrayMaxSize, ArrayUnique, IsArray, IsBoolean, IsOptional } from 'class-validator';
import { PageQuery } from '../../platform/http/page.js';
import { IsDisplayName, IsPlainText, IsScopeToken } from '../../platform/http/validation.js';
import type { CoveredScope } from '../../kernel/scope-graph.js';
import { parseScopeName } from './scope-name.js';
import type { Scope } from './scope.entity.js';

export class ScopesQuery extends PageQuery {
  /** Only scopes of this category. */
  @IsOptional() @IsPlainText(200)
  category?: string;

  /** Only scopes whose name or description contains this text. */
  @IsOptional() @IsPlainText(200)
  q?: string;
}

export class CreateScopeDto {
  /**
   * `resource:action` with optional `:qualifier`s, e.g. `calendar:read:freebusy`. Whoever holds `calendar:read` holds that one too.
   * @example calendar:read
   */
  @IsScopeToken()
  name: string;

  /**
   * One sentence that tells people what they permit.
   * @example "See your calendars."
   */
  @IsOptional() @IsPlainText(500)
  description?: string | null;

  /** For grouping in lists. */
  @IsOptional() @IsDisplayName(100)
  category?: string | null;

  /**
   * Other scopes that whoever holds this one holds too. They exist, none of them comes back to this one, and none is of this
   * server's own API or of OpenID Connect.
   * @example ["calendar:read"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(100) @ArrayUnique() @IsScopeToken({ each: true })
  implies?: string[];

  /** Whether agents and clients that are registered without naming scopes get it. */
  @IsOptional() @IsBoolean()
  is_default?: boolean;

  /** Whether the consent page marks it. */
  @IsOptional() @IsBoolean()
  is_sensitive?: boolean;

  /** Whether it is granted only where a person agrees, never to a client or agent for itself. What covers it is not either. */
  @IsOptional() @IsBoolean()
  requires_approval?: boolean;
}

export class UpdateScopeDto {
  /** One sentence that tells people what they permit. */
  @IsOptional() @IsPlainText(500)
  description?: string | null;

  /** For grouping in lists. */
  @IsOptional() @IsDisplayName(100)
  category?: string | null;

  /** Other scopes that whoever holds this one holds too. Replaces the former list. */
  @IsOptional() @IsArray() @ArrayMaxSize(100) @ArrayUnique() @IsScopeToken({ each: true })
  implies?: string[];

  /** Whether agents and clients that are registered without naming scopes get it. */
  @IsOptional() @IsBoolean()
  is_default?: boolean;

  /** Whether the consent page marks it. */
  @IsOptional() @IsBoolean()
  is_sensitive?: boolean;

  /** Whether it is granted only where a person agrees, never to a client or agent for itself. What covers it is not either. */
  @IsOptional() @IsBoolean()
  requires_approval?: boolean;

  /** An inactive scope is in no new token, and honoured in none that has it. */
  @IsOptional() @IsBoolean()
  is_active?: boolean;
}

export class ScopeDto {
  id: string;
  name: string;
  description: string | null;
  category: string | null;
  /** Other scopes that whoever holds this one holds too, beside those whose names begin with its own. */
  implies: string[];
  /** Agents and clients that are registered without naming scopes get it. */
  is_default: boolean;
  /** The consent page marks it. */
  is_sensitive: boolean;
  /** Granted only where a person agrees, never to a client or agent for itself. */
  requires_approval: boolean;
  /** An inactive one is in no new token, and honoured in none that has it. */
  is_active: boolean;
  /** Who defined it: the `server` itself, a `file` of its operator, or the `organization`. */
  source: 'server' | 'file' | 'organization';
  /** Whether it is the whole installation's, so that no organization changes it. */
  is_built_in: boolean;
  created_at: string;
  updated_at: string;

  static of(scope: Scope): ScopeDto {
    return {
      id: scope.id,
      name: scope.name,
      description: scope.description,
      category: scope.category,
      implies: scope.implies,
      is_default: scope.isDefault,
      is_sensitive: scope.isSensitive,
      requires_approval: scope.requiresApproval,
      is_active: scope.isActive,
      source: scope.source,
      is_built_in: scope.organizationId === null,
      created_at: scope.createdAt.toISOString(),
      updated_at: scope.updatedAt.toISOString(),
    };
  }
}

export class ScopePageDto {
  data: ScopeDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class RegisteredScopeDto {
  name: string;
  /** The part before the first colon. */
  resource: string;
  /** The part after it; null when the name has one part. */
  action: string | null;
  /** What narrows it further. */
  qualifiers: string[];
  description: string | null;
  /** Other scopes that whoever holds this one holds too. */
  implies: string[];
  is_sensitive: boolean;
  /** Granted only where a person agrees. */
  requires_approval: boolean;

  static of(scope: Scope): RegisteredScopeDto {
    const { resource, action, qualifiers } = parseScopeName(scope.name);
    return {
      name: scope.name, resource, action, qualifiers: [...qualifiers], description: scope.description, implies: scope.implies, is_sensitive: scope.isSensitive,
      requires_approval: scope.requiresApproval,
    };
  }
}

export class ScopeRegistryDto {
  data: RegisteredScopeDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class ExpandScopesDto {
  /**
   * Scopes that somebody holds.
   * @example ["calendar:all"]
   */
  @IsArray() @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes: string[];
}

export class CoveredScopeDto {
  name: string;
  /** Why it is covered: it is held `itself`, its `name` begins with that of another, or another has `implied` it. */
  because: 'itself' | 'name' | 'implied';
  /** The other scope; null when it is held itself. */
  through: string | null;
}

export class ExpandedScopesDto {
  /** The active scopes of the registry that are covered, each with the reason that is nearest. */
  data: CoveredScopeDto[];
  /** Those given that do not exist or are not active: they cover nothing. */
  inactive: string[];

  static of({ covered, inactive }: { covered: CoveredScope[]; inactive: string[] }): ExpandedScopesDto {
    return { data: covered, inactive };
  }
}
