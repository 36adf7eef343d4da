import type { Subtree } from './merkle-proof.js';

/**
 * An export of the audit log, one JSON document a line: the header, then every event of the organization to the letter as it was
 * hashed, then the checkpoint that the export ends at. The events of others are there as hashes alone, of as large a part of the
 * tree as they fill, so that whoever has the file can compute the root of the whole log.
 */
export const EXPORT_FORMAT = 'legate-audit-export/1';

export interface ExportHeader {
  readonly format: typeof EXPORT_FORMAT;
  /** Names the log. */
  readonly origin: string;
  /** Whose events are in it; null for those of all. */
  readonly organization_id: string | null;
  /** Sequence number of the first event it is about. */
  readonly first: number;
  /** Hashes of the frontier before it, base64. */
  readonly frontier: readonly string[];
  /** One more than the last sequence number it is about. */
  readonly size: number;
  /** RFC 3339. */
  readonly exported_at: string;
}

export type ExportLine =
  | { readonly kind: 'header'; readonly header: ExportHeader }
  | { readonly kind: 'event'; readonly sequence: number; readonly leafHash: string; readonly body: string }
  | { readonly kind: 'hidden'; readonly sequence: number; readonly level: number; readonly hash: string }
  | { readonly kind: 'checkpoint'; readonly note: string };

export function headerLine(header: ExportHeader): string {
  return JSON.stringify(header);
}

/** The event stands last and as it is stored: its hash is that of its very text. */
export function eventLine(sequence: number, leafHash: string, body: string): string {
  return `{"sequence":${sequence},"leaf_hash":"${leafHash}","event":${body}}`;
}

export function hiddenLine({ level, index }: Subtree, hash: string): string {
  return `{"sequence":${index * 2 ** level},"level":${level},"hash":"${hash}"}`;
}

export function checkpointLine(note: string): string {
  return JSON.stringify({ checkpoint: note });
}

const HASH = '[A-Za-z0-9+/]{43}=';
const NUMBER = '(0|[1-9]\\d{0,15})';
const EVENT = new RegExp(`^\\{"sequence":${NUMBER},"leaf_hash":"(${HASH})","event":(?=\\{)`);
const HIDDEN = new RegExp(`^\\{"sequence":${NUMBER},"level":(\\d|[1-5]\\d),"hash":"(${HASH})"\\}$`);

/** @returns undefined for what is none of them */
export function readLine(text: string): ExportLine | undefined {
  const event = EVENT.exec(text);
  if (event) return text.endsWith('}}') ? { kind: 'event', sequence: Number(event[1]), leafHash: event[2]!, body: text.slice(event[0].length, -1) } : undefined;
  const hidden = HIDDEN.exec(text);
  if (hidden) return { kind: 'hidden', sequence: Number(hidden[1]), level: Number(hidden[2]), hash: hidden[3]! };
  try {
    const document = JSON.parse(text) as Partial<ExportHeader> & { checkpoint?: unknown };
    if (typeof document.checkpoint === 'string') return { kind: 'checkpoint', note: document.checkpoint };
    return isHeader(document) ? { kind: 'header', header: document } : undefined;
  } catch {
    return undefined;
  }
}

function isHeader(document: Partial<ExportHeader>): document is ExportHeader {
  return document?.format === EXPORT_FORMAT && typeof document.origin === 'string' && Number.isSafeInteger(document.first) && Number.isSafeInteger(document.size)
    && Array.isArray(document.frontier) && document.frontier.every((hash) => new RegExp(`^${HASH}$`).test(String(hash)));
}
