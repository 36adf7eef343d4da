import { Type } from 'class-transformer';
import { IsIn, IsObject, IsString, IsUUID, Matches, MaxLength, MinLength, ValidateNested } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsDateTime, IsDisplayName, IsScopeToken } from '../../platform/http/validation.js';
import type { EndedKinds } from '../audit/endings.service.js';
import { differences, CountDifferencesDto, EndingDto, PreviewedCountsDto } from './kill-switches.dto.js';

const CLIENT_ID = /^[\x21-\x7E]{1,200}$/;

/** All that is given has to hold of a token. */
export class TokenFilterDto {
  /** Tokens that this client got. */
  @IsOmittable() @Matches(CLIENT_ID, { message: 'client_id must be up to 200 printable ASCII characters' })
  client_id?: string;

  /** Tokens that speak for this agent, or that it got. */
  @IsOmittable() @IsUUID()
  agent_id?: string;

  /** Tokens that speak for this person. */
  @IsOmittable() @IsUUID()
  user_id?: string;

  /** Tokens of this very task. */
  @IsOmittable() @IsUUID()
  task_id?: string;

  /** Tokens that were issued for this very delegation. */
  @IsOmittable() @IsUUID()
  delegation_grant_id?: string;

  /**
   * Tokens that carry this scope, by this name.
   * @example "calendar:write"
   */
  @IsOmittable() @IsScopeToken() @MaxLength(256)
  scope?: string;

  /** Tokens for this API or MCP server: its identifier. */
  @IsOmittable() @IsString() @MinLength(1) @MaxLength(512)
  resource?: string;

  /** Tokens issued before this moment. */
  @IsOmittable() @IsDateTime()
  issued_before?: string;

  /** Tokens issued at this moment or after it. */
  @IsOmittable() @IsDateTime()
  issued_after?: string;

  /** `all` for the tokens of every organization. For platform administrators. */
  @IsOmittable() @IsIn(['all'])
  organization?: 'all';
}

export class FilterTokensDto {
  /** Which tokens. */
  @IsObject() @ValidateNested() @Type(() => TokenFilterDto)
  filter: TokenFilterDto;
}

export class RevokeTokensDto extends FilterTokensDto {
  /**
   * Why, for the audit log.
   * @example "The calendar API leaked its log files."
   */
  @IsDisplayName(500)
  reason: string;

  /** `counts` of the preview. The answer then tells what has come since; that ends as well. */
  @IsOmittable() @IsObject() @ValidateNested() @Type(() => PreviewedCountsDto)
  previewed?: PreviewedCountsDto;
}

export class EndedTokensDto {
  /** As it was the moment before. */
  ended: EndingDto;
  /** What ended beside, or instead of, what `previewed` says; null when it says nothing. */
  since_preview: CountDifferencesDto | null;

  static of(this: void, ended: EndedKinds, previewed?: PreviewedCountsDto): EndedTokensDto {
    const ending = EndingDto.of(ended);
    return { ended: ending, since_preview: differences(ending.counts, previewed) };
  }
}
