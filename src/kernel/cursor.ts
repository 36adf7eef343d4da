import { createHmac, timingSafeEqual } from 'node:crypto';
import { DomainError } from './domain-error.js';

const TAG_BYTES = 12;

/**
 * Opaque list cursors: base64url of an authentication tag and the JSON of the last row's sort keys.
 * The tag keeps callers from steering the query with keys of their own.
 */
export function encodeCursor(key: Buffer, position: readonly string[]): string {
  const body = Buffer.from(JSON.stringify(position));
  return Buffer.concat([tag(key, body), body]).toString('base64url');
}

/** @throws DomainError `invalid_cursor` */
export function decodeCursor(key: Buffer, cursor: string): string[] {
  const bytes = Buffer.from(cursor, 'base64url');
  const body = bytes.subarray(TAG_BYTES);
  if (bytes.length <= TAG_BYTES || !timingSafeEqual(bytes.subarray(0, TAG_BYTES), tag(key, body))) {
    throw new DomainError('invalid', 'invalid_cursor', 'The cursor was not made by this server; start again without it.');
  }
  return JSON.parse(body.toString()) as string[];
}

function tag(key: Buffer, body: Buffer): Buffer {
  return createHmac('sha256', key).update(body).digest().subarray(0, TAG_BYTES);
}
