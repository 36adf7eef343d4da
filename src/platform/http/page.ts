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
 * @param reach of a list that would look through too much for few rows: the key of the last row that a page which begins after
 *   the given key may look at, undefined when it may look at all that are left. Such a page may be short, and yet not the last.
 * @throws DomainError `invalid_cursor`
 */
export async function readPage<T extends ObjectLiteral>(
  query: SelectQueryBuilder<T>, column: string, keyOf: (row: T) => string, page: PageQuery, cursorKey: Buffer, direction: 'ASC' | 'DESC' = 'ASC',
  reach?: (after: string | undefined) => Promise<string | undefined>,
): Promise<Page<T>> {
  const limit = page.limit ?? DEFAULT_PAGE_SIZE;
  const after = page.cursor ? keyIn(page.cursor, column, cursorKey) : undefined;
  if (after !== undefined) query.andWhere(`${column} ${direction === 'ASC' ? '>' : '<'} :pageAfter`, { pageAfter: after });
  const last = await reach?.(after);
  if (last !== undefined) query.andWhere(`${column} ${direction === 'ASC' ? '<=' : '>='} :pageLast`, { pageLast: last });
  const rows = await query.orderBy(column, direction).limit(limit + 1).getMany();
  const data = rows.slice(0, limit);
  const next = rows.length > limit ? keyOf(data.at(-1)!) : last;
  return { data, next_cursor: next === undefined ? null : encodeCursor(cursorKey, [next, column]) };
}

function keyIn(cursor: string, column: string, cursorKey: Buffer): string | undefined {
  const [key, list] = decodeCursor(cursorKey, cursor);
  if (list !== column) throw new DomainError('invalid', 'invalid_cursor', 'The cursor belongs to another list; start again without it.');
  return key;
}
