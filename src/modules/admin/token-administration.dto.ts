import { IsBoolean, IsString, Matches, MaxLength, MinLength } from 'class-validator';
import { Transform } from 'class-transformer';
import { IsOmittable } from '../../platform/http/omittable.js';
import { PageQuery } from '../../platform/http/page.js';
import type { StandingToken } from '../tokens/token-directory.service.js';

/** Ids of clients, and subjects, which are ids of people, agents and clients. */
const ID = /^[\x21-\x7E]{1,200}$/;
const FLAGS = new Map<unknown, boolean>([['true', true], ['false', false]]);

export class TokensQuery extends PageQuery {
  /** Only tokens of this client. */
  @IsOmittable() @Matches(ID, { message: 'client_id must be up to 200 printable ASCII characters' })
  client_id?: string;

  /** Only tokens that speak for this person, agent or client. */
  @IsOmittable() @Matches(ID, { message: 'subject must be up to 200 printable ASCII characters' })
  subject?: string;

  /** `true`: only tokens that are alive now; `false`: only those that are not. */
  @IsOmittable() @Transform(({ value }: { value: unknown }) => FLAGS.get(value) ?? value) @IsBoolean()
  active?: boolean;
}

/** A token as the ledger has it: all but the token itself. */
export class TokenDto {
  token_id: string;
  kind: 'access_token' | 'refresh_token';
  format: 'jwt' | 'opaque';
  /** How it was got. */
  grant_type: string;
  client_id: string;
  subject: string;
  /** What `subject` is. */
  subject_kind: 'user' | 'agent' | 'client';
  audience: string | null;
  scopes: string[];
  task_id: string;
  parent_task_id: string | null;
  parent_token_id: string | null;
  root_token_id: string;
  /** Who acts for the subject (RFC 8693 section 4.1). */
  act: object | null;
  /** The key it is bound to (RFC 7800). */
  cnf: object | null;
  issued_at: string;
  expires_at: string;
  revoked_at: string | null;
  active: boolean;
  /** Why it is not active, e.g. `token_revoked`, `token_expired`, `client_inactive`, `ancestor_inactive`. */
  inactive_because: string | null;

  static of({ token, dead }: StandingToken): TokenDto {
    return {
      token_id: token.id,
      kind: token.kind,
      format: token.format,
      grant_type: token.grantType,
      client_id: token.clientId,
      subject: token.subject,
      subject_kind: token.userId !== null ? 'user' : token.agentId !== null ? 'agent' : 'client',
      audience: token.audience,
      scopes: token.scope === '' ? [] : token.scope.split(' '),
      task_id: token.taskId,
      parent_task_id: token.parentTaskId,
      parent_token_id: token.parentTokenId,
      root_token_id: token.rootTokenId,
      act: token.act,
      cnf: token.cnf,
      issued_at: token.issuedAt.toISOString(),
      expires_at: token.expiresAt.toISOString(),
      revoked_at: token.revokedAt?.toISOString() ?? null,
      active: dead === null,
      inactive_because: dead,
    };
  }
}

export class TokenPageDto {
  data: TokenDto[];
  next_cursor: string | null;
}

export class RevokeTokenDto {
  /** Marks what descends from the token as revoked too. It is dead either way. */
  @IsOmittable() @IsBoolean()
  revoke_children?: boolean;
}

export class RevokedTokensDto {
  token_id: string;
  /** How many tokens were still standing and are marked now. */
  revoked: number;
}

export class IntrospectTokenDto {
  /** The access token itself, JWT or opaque. */
  @IsString() @MinLength(1) @MaxLength(16_384)
  token: string;
}

/** As RFC 7662 section 2.2 has it: the claims of the token beside `active`. */
export class IntrospectedTokenDto {
  active: boolean;
  /** Why a token of this organization is not active. */
  inactive_because?: string;
  /** The token's claims, while it is active. */
  [claim: string]: unknown;
}
