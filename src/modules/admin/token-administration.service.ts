import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { ConsentGrants } from '../tokens/consent-grants.service.js';
import { TokenDirectory } from '../tokens/token-directory.service.js';
import { TokenRevocation } from '../tokens/token-revocation.service.js';

/** Ends tokens that the caller sees. */
@Injectable()
export class TokenAdministration {
  constructor(
    private readonly tokens: TokenDirectory,
    private readonly revocation: TokenRevocation,
    private readonly consents: ConsentGrants,
  ) {}

  /**
   * @param marksDescendants writes the end on what descends from it too; that is dead either way
   * @returns how many tokens were still standing and are marked now
   * @throws DomainError `token_not_found`
   */
  async revoke(caller: Caller, tokenId: string, marksDescendants: boolean): Promise<number> {
    const { token } = await this.tokens.get(caller, tokenId);
    const { actor } = doneBy(caller);
    // The ledger does not know which stored refresh token the row is of, and the next one would replace it anyway: what ends
    // the whole line is the end of the consent.
    if (token.kind === 'refresh_token' && token.consentGrantId !== null) await this.consents.revoke(token.consentGrantId, actor, 'refresh_token_revoked');
    return this.revocation.revoke(token.id, actor, { markDescendants: marksDescendants });
  }
}
