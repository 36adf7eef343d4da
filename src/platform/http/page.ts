import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { Type } from 'class-transformer';
import { ApiPropertyOptional } from '@nestjs/swagger';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { decodeCursor, encodeCursor } from '../../kernel/cursor.js';
import { DomainError } from '../../kernel/domain-error.js';

export const DEFAULT_PAGE_SIZE = 50;

/** What every list takes. Extend it with filters. It is described by hand, since its file is not one of a DTO alone. */
export class PageQuery {
  /** How many rows, 1 to 200. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 200, default: DEFAULT_PAGE_SIZE, description: 'How many rows, 1 to 200.' })
  @IsOptional() @Type(() => Number) @IsInt() @Min(1) @Max(200)
  limit?: number;

  /** `next_cursor` of the page before. */
  @ApiPropertyOptional({ type: 'string', maxLength: 1024, description: '`next_cursor` of the page before.' })
  @IsOptional() @IsString() @MaxLength(1024)
  cursor?: string;
}

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

/**
 * Reads one page of a query, ordered by one unique text or uuid column (ids are UUIDv7, so by time of making).
 *
 * @param column qualified column, e.g. `agent.id`
 * @param keyOf the column's value of a row
 * @param direction `DESC` for the newest first
 * @throws DomainError `invalid_cursor`
 */
export async function readPage<T extends ObjectLiteral>(
  query: SelectQueryBuilder<T>, column: string, keyOf: (row: T) => string, page: PageQuery, cursorKey: Buffer, direction: 'ASC' | 'DESC' = 'ASC',
): Promise<Page<T>> {
  const limit = page.limit ?? DEFAULT_PAGE_SIZE;
  if (page.cursor) {
    const [after, list] = decodeCursor(cursorKey, page.cursor);
    if (list !== column) throw new DomainError('invalid', 'invalid_cursor', 'The cursor belongs to another list; start again without it.');
    query.andWhere(`${column} ${direction === 'ASC' ? '>' : '<'} :pageAfter`, { pageAfter: after });
  }
  const rows = await query.orderBy(column, direction).limit(limit + 1).getMany();
  const data = rows.slice(0, limit);
  return { data, next_cursor: rows.length > limit ? encodeCursor(cursorKey, [keyOf(data.at(-1)!), column]) : null };
}
