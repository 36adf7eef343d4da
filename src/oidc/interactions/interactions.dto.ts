import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';

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
}
