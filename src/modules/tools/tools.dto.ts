import { ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { microsAsUsd } from '../../kernel/usd.js';
import { IsJsonObject } from '../../platform/http/json-object.js';
import { PageQuery } from '../../platform/http/page.js';
import { IsDisplayName, IsPlainText, IsScopeToken, IsUsd } from '../../platform/http/validation.js';
import type { Tool } from './tool.entity.js';

const LARGEST_SCHEMA = 32_768;
/** No space, since requests list names with spaces between them. */
const TOOL_NAME = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/;

export class ToolsQuery extends PageQuery {
  /** Only tools of this category. */
  @IsOptional() @IsPlainText(200)
  category?: string;

  /** Only tools of this API or MCP server. */
  @IsOptional() @IsPlainText(512)
  resource?: string;

  /** Only tools whose name or description contains this text. */
  @IsOptional() @IsPlainText(200)
  q?: string;
}

export class UpdateToolDto {
  /**
   * What it does.
   * @example "Tells the weather of the coming days."
   */
  @IsOptional() @IsPlainText(2000)
  description?: string | null;

  /** For grouping in lists. */
  @IsOptional() @IsDisplayName(100)
  category?: string | null;

  /**
   * JSON Schema (2020-12) of its arguments, up to 32 KiB. It stands alone and does not refer to itself; its patterns are those that
   * RE2 can match. Without it any object is taken.
   * @example {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
   */
  @IsOptional() @IsJsonObject(LARGEST_SCHEMA)
  input_schema?: Record<string, unknown> | null;

  /**
   * Scopes that exist, all of which a token has to cover to be good for this tool.
   * @example ["weather:read"]
   */
  @IsOptional() @IsArray() @ArrayMaxSize(50) @ArrayUnique() @IsScopeToken({ each: true })
  permissions_required?: string[];

  /** Identifier of the API or MCP server that offers it. Without it tokens for any may be good for it. */
  @IsOptional() @IsString() @MaxLength(512)
  resource?: string | null;

  /** What a call costs in US dollars, with at most six decimals. */
  @ApiPropertyOptional({ oneOf: [{ type: 'string', pattern: '^\\d{1,7}(\\.\\d{1,6})?$' }, { type: 'number', format: 'double' }], description: 'What a call costs in US dollars, with at most six decimals.', example: '0.0125' })
  @IsOptional() @IsUsd()
  cost_usd?: string | number;
}

export class CreateToolDto extends UpdateToolDto {
  /**
   * Unique in the organization, and never changed.
   * @example get_forecast
   */
  @Matches(TOOL_NAME, { message: 'name must be up to 128 letters, digits and . _ : / - that begin with a letter or digit' })
  name: string;
}

export class ToolDto {
  id: string;
  name: string;
  description: string | null;
  category: string | null;
  /** JSON Schema (2020-12) of its arguments; null takes any object. */
  input_schema: Record<string, unknown> | null;
  /** Scopes, all of which a token has to cover to be good for it. */
  permissions_required: string[];
  /** Identifier of the API or MCP server that offers it; null when any may. */
  resource: string | null;
  /** What a call costs in US dollars, as a decimal number. */
  cost_usd: string;
  /** An inactive one is in no new token. */
  is_active: boolean;
  created_at: string;
  updated_at: string;

  static of(tool: Tool): ToolDto {
    return {
      id: tool.id,
      name: tool.name,
      description: tool.description,
      category: tool.category,
      input_schema: tool.inputSchema as Record<string, unknown> | null,
      permissions_required: tool.permissionsRequired,
      resource: tool.resourceIdentifier,
      cost_usd: microsAsUsd(tool.costMicros),
      is_active: tool.isActive,
      created_at: tool.createdAt.toISOString(),
      updated_at: tool.updatedAt.toISOString(),
    };
  }
}

export class ToolPageDto {
  data: ToolDto[];
  /** Give it as `cursor` to get the next page; null on the last one. */
  next_cursor: string | null;
}
