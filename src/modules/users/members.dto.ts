import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { IsEmailAddress } from './email-address.js';

export class AddMemberDto {
  /** The person, by id. */
  @IsOptional() @IsUUID()
  user_id?: string;

  /** The person, by e-mail address. They have an account already; to make one, see users. */
  @IsOptional() @IsEmailAddress()
  email?: string;

  /** `member` unless named. At most the caller's own. */
  @IsOptional() @IsIn(['owner', 'admin', 'member'])
  role?: 'owner' | 'admin' | 'member';
}

export class ChangeMemberDto {
  /** At most the caller's own. */
  @IsIn(['owner', 'admin', 'member'])
  role: 'owner' | 'admin' | 'member';
}
