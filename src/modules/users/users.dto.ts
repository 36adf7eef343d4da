import { IsIn, IsString, MaxLength } from 'class-validator';
import type { Role } from '../../platform/http/caller.js';
import { IsOmittable } from '../../platform/http/omittable.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDisplayName } from '../../platform/http/validation.js';
import { IsEmailAddress } from './email-address.js';
import type { Person } from './members.service.js';
import type { User } from './user.entity.js';

/** Only to bound the input: what a password must be like is the password policy's business. */
const LONGEST_INPUT = 1024;

export class UsersQuery extends PageQuery {
  /** Only the person with this e-mail address. */
  @IsOmittable() @IsEmailAddress()
  email?: string;

  /** Only people with this role. */
  @IsOmittable() @IsIn(['owner', 'admin', 'member'])
  role?: 'owner' | 'admin' | 'member';
}

export class CreateUserDto {
  /**
   * Taken in any case, kept in lower case.
   * @example ada@example.com
   */
  @IsEmailAddress()
  email: string;

  /**
   * What to call the person.
   * @example "Ada Lovelace"
   */
  @IsOmittable() @IsDisplayName()
  name?: string;

  /** The first password, when the person has no account yet. Without one they cannot sign in with a password. */
  @IsOmittable() @IsString() @MaxLength(LONGEST_INPUT)
  password?: string;

  /**
   * Their role in the organization, `member` unless named. At most the caller's own.
   * @example member
   */
  @IsOmittable() @IsIn(['owner', 'admin', 'member'])
  role?: 'owner' | 'admin' | 'member';
}

export class UpdateUserDto {
  /** What to call the person. */
  @IsOmittable() @IsDisplayName()
  name?: string;

  /** A disabled person cannot sign in, and every token and session of theirs ends: who is enabled again has to sign in anew. */
  @IsOmittable() @IsIn(['active', 'disabled'])
  status?: 'active' | 'disabled';
}

export class SetPasswordDto {
  /** The new password. Every token and session of the person ends. */
  @IsString() @MaxLength(LONGEST_INPUT)
  new_password: string;
}

/** A person as an organization sees them. What they do elsewhere is none of its business. */
export class UserDto {
  id: string;
  email: string;
  name: string | null;
  /** A disabled person cannot sign in. */
  status: 'active' | 'disabled';
  /** Null for a person who is not a member, seen by a platform administrator. */
  role: 'owner' | 'admin' | 'member' | null;
  /** Since when they are a member. */
  joined_at: string | null;

  static of({ user, membership }: Person): UserDto {
    return {
      id: user.id,
      email: user.email,
      name: user.name,
      status: user.status,
      role: membership?.role ?? null,
      joined_at: membership?.createdAt.toISOString() ?? null,
    };
  }
}

export class UserPageDto {
  data: UserDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}

export class UpdateAccountDto {
  /** What to call you. */
  @IsOmittable() @IsDisplayName()
  name?: string;
}

export class ChangePasswordDto {
  @IsString() @MaxLength(LONGEST_INPUT)
  current_password: string;

  /** Every token and session from before ends, this one included. */
  @IsString() @MaxLength(LONGEST_INPUT)
  new_password: string;
}

/** One's own account, in the organization of the token. */
export class AccountDto {
  id: string;
  email: string;
  email_verified: boolean;
  name: string | null;
  /** Whether you run the whole installation. */
  is_platform_administrator: boolean;
  /** The organization that made your account and may disable it. Null when only platform administrators may. */
  home_organization_id: string | null;
  /** The organization that the token of this request is for. */
  organization_id: string;
  /** Yours in that organization. */
  role: 'owner' | 'admin' | 'member' | null;
  last_sign_in_at: string | null;
  created_at: string;
  updated_at: string;

  static of(user: User, organizationId: string, role: Role | undefined): AccountDto {
    return {
      id: user.id,
      email: user.email,
      email_verified: user.emailVerified,
      name: user.name,
      is_platform_administrator: user.isPlatformAdministrator,
      home_organization_id: user.homeOrganizationId,
      organization_id: organizationId,
      role: role ?? null,
      last_sign_in_at: user.lastSignInAt?.toISOString() ?? null,
      created_at: user.createdAt.toISOString(),
      updated_at: user.updatedAt.toISOString(),
    };
  }
}
