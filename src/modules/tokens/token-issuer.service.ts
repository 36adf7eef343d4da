import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DomainError } from '../../kernel/domain-error.js';
import { Config } from '../../platform/config/config.js';
import { signCompact } from '../../platform/crypto/jws.js';
import { KeyRing } from '../../platform/crypto/key-ring.service.js';
import type { AuditEvent } from '../audit/audit-event.js';
import type { ResolvedResource } from '../resources/resources.service.js';
import { StatusEntries, type StatusEntry } from './status-entries.service.js';
import { TokenLedger } from './token-ledger.service.js';
import { tokenRecord, type Issuance, type TokenRecord } from './token-record.js';

export interface IssuedToken {
  readonly value: string;
  readonly tokenId: string;
  readonly taskId: string;
  /** Seconds from now. */
  readonly expiresIn: number;
  readonly scope: string;
  /** Whether it is bound to a key, and so presented with the DPoP scheme (RFC 9449 section 7.1). */
  readonly isBound: boolean;
}

/** What the target decides, nobody else may say: it is spread over, so it must not be there at all. */
type OfTarget = 'format' | 'opaqueHash' | 'audience' | 'issuer' | 'status';
export type NewToken = Omit<Issuance, OfTarget> & { readonly [Member in OfTarget]?: never };
export type TokenTarget = Pick<ResolvedResource, 'identifier' | 'tokenFormat' | 'signingAlgorithm'>;

/** Issues access tokens in one step: claims, signature, ledger row and audit event. */
@Injectable()
export class TokenIssuer {
  constructor(private readonly config: Config, private readonly keyRing: KeyRing, private readonly ledger: TokenLedger, private readonly statuses: StatusEntries) {}

  /**
   * The token is durable when this resolves.
   * @throws DomainError `row_refused` when something it stands on is no longer active; `audit_unavailable`
   */
  async issue(issuance: NewToken, resource: TokenTarget): Promise<IssuedToken> {
    const allotted = resource.tokenFormat === 'jwt' ? this.statuses.allot(lifetimeOf(issuance)) : undefined;
    const { record, encode } = this.prepare(issuance, resource, allotted instanceof Promise ? await allotted : allotted);
    let value: string | undefined;
    await this.ledger.commit(record.row, record.event, () => { value = encode(); });
    return describe(value ?? encode(), record, issuance);
  }

  /**
   * The same as the last step of the caller's transaction, after which the token is durable and not before.
   *
   * @param before what else happened in the transaction, recorded ahead of the token
   * @throws DomainError `row_refused`, `audit_unavailable`
   */
  async issueIn(manager: EntityManager, issuance: NewToken, resource: TokenTarget, ...before: AuditEvent[]): Promise<IssuedToken> {
    const status = resource.tokenFormat === 'jwt' ? await this.statuses.allotIn(manager, lifetimeOf(issuance)) : undefined;
    const { record, encode } = this.prepare(issuance, resource, status);
    await this.ledger.commitIn(manager, [...before.map((event) => ({ event })), { row: record.row, event: record.event }]);
    return describe(encode(), record, issuance);
  }

  /** What is to be committed, and how the token is then written. Never hand it out before the record is durable. */
  private prepare(wanted: NewToken, resource: TokenTarget, status: StatusEntry | undefined): { record: TokenRecord; encode: () => string } {
    const { issuer } = this.config;
    const audience = resource.identifier;
    if (resource.tokenFormat === 'jwt') {
      const key = this.keyRing.signingKeys()[resource.signingAlgorithm];
      const record = tokenRecord({ issuer, audience, format: 'jwt', status, ...wanted });
      return { record, encode: () => signCompact({ typ: 'at+jwt' }, record.claims, key) };
    }
    const value = randomBytes(32).toString('base64url');
    return { record: tokenRecord({ issuer, audience, format: 'opaque', opaqueHash: hash('sha256', value, 'buffer'), ...wanted }), encode: () => value };
  }
}

/** Seconds. */
function lifetimeOf({ issuedAt, expiresAt }: NewToken): number {
  return expiresAt - issuedAt;
}

function describe(value: string, { tokenId, taskId, row }: TokenRecord, { issuedAt, expiresAt, cnf }: NewToken): IssuedToken {
  return { value, tokenId, taskId, expiresIn: expiresAt - issuedAt, scope: row.scope, isBound: cnf?.['jkt'] !== undefined };
}

/** The refusal of the ledger, as the reason that was found; undefined for other errors. */
export function refusalReason(error: unknown): string | undefined {
  return error instanceof DomainError && error.code === 'row_refused' ? String(error.details?.['reason']) : undefined;
}
