import { IsIn, IsUUID } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsEmailAddress } from './email-address.js';

export class AddMemberDto {
  /** The person, by id. */
  @IsOmittable() @IsUUID()
  user_id?: string;

  /**
   * The person, by e-mail address. They have an account already; to make one, see users.
   * @example ada@example.com
   */
  @IsOmittable() @IsEmailAddress()
  email?: string;

  /**
   * `member` unless named. At most the caller's own.
   * @example member
   */
  @IsOmittable() @IsIn(['owner', 'admin', 'member'])
  role?: 'owner' | 'admin' | 'member';
}

export class ChangeMemberDto {
  /** At most the caller's own. */
  @IsIn(['owner', 'admin', 'member'])
  role: 'owner' | 'admin' | 'member';
}
