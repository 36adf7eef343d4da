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
  const { limit, after } = pageStart(page, column, cursorKey);
  if (after !== undefined) query.andWhere(`${column} ${direction === 'ASC' ? '>' : '<'} :pageAfter`, { pageAfter: after });
  const last = await reach?.(after);
  if (last !== undefined) query.andWhere(`${column} ${direction === 'ASC' ? '<=' : '>='} :pageLast`, { pageLast: last });
  return pageOf(await query.orderBy(column, direction).limit(limit + 1).getMany(), limit, column, keyOf, cursorKey, last);
}

/**
 * Where a page begins, for a list that no query builder can read.
 *
 * @param list which list it is: a cursor is good for one
 * @returns `after`: the key of the last row before it, when it is not the first page
 * @throws DomainError `invalid_cursor`
 */
export function pageStart(page: PageQuery, list: string, cursorKey: Buffer): { readonly limit: number; readonly after?: string } {
  const limit = page.limit ?? DEFAULT_PAGE_SIZE;
  if (!page.cursor) return { limit };
  const [after, of] = decodeCursor(cursorKey, page.cursor);
  if (of !== list) throw new DomainError('invalid', 'invalid_cursor', 'The cursor belongs to another list; start again without it.');
  return { limit, after };
}

/**
 * The page that these rows are, of which there is one more than the page holds when the list goes on.
 *
 * @param last key of the last row that was looked at, where that was not all there are
 */
export function pageOf<T>(rows: readonly T[], limit: number, list: string, keyOf: (row: T) => string, cursorKey: Buffer, last?: string): Page<T> {
  const data = rows.slice(0, limit);
  const end = rows.length > limit ? keyOf(data.at(-1)!) : last;
  return { data, next_cursor: end === undefined ? null : encodeCursor(cursorKey, [end, list]) };
}
