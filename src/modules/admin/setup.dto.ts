import { IsEmail, IsString, MaxLength } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsDisplayName } from '../../platform/http/validation.js';

export class SetupDto {
  /** What follows the # in the setup link. */
  @IsString() @MaxLength(256)
  secret: string;

  /** The first person's e-mail address. */
  @IsEmail({ allow_utf8_local_part: false }) @MaxLength(254)
  email: string;

  @IsString() @MaxLength(1024)
  password: string;

  /** What to call the first organization. */
  @IsDisplayName()
  organization_name: string;

  /** What to call the person. */
  @IsOmittable() @IsDisplayName()
  name?: string;
}

export class SetupResultDto {
  user_id: string;
  email: string;
  organization_id: string;
  organization_slug: string;
}
