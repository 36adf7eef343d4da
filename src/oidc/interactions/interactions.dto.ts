import { Transform } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';

export class SignInForm {
  @IsOptional() @IsString() @MaxLength(128)
  csrf_token?: string;

  @IsString() @MaxLength(320)
  username: string;

  @IsString() @MaxLength(1024)
  password: string;
}

export class ConsentForm {
  @IsOptional() @IsString() @MaxLength(128)
  csrf_token?: string;

  @IsIn(['allow', 'deny'])
  decision: 'allow' | 'deny';

  /** Sent by a page that lets the person choose: what is not in `scope` then, they do not want. */
  @IsOptional() @IsIn(['1'])
  has_choice?: string;

  /** The scopes that are ticked. */
  @IsOptional() @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? [value] : value)) @IsArray() @ArrayMaxSize(400) @IsString({ each: true })
  scope?: string[];
}
