import type { IssuedToken } from './token-issuer.service.js';

/** RFC 6749 section 5.1, with our token and task ids. */
export class TokenResponseDto {
  /** Opaque to its holder, whatever it looks like. */
  access_token: string;
  /** How to present it. */
  token_type: 'Bearer' | 'DPoP';
  /** Lifetime in seconds. */
  expires_in: number;
  /** What it allows; space-separated. */
  scope: string;
  /** The token's entry in the ledger: its `jti`. */
  token_id: string;
  /** The task that it belongs to. */
  task_id: string;

  static of(issued: IssuedToken): TokenResponseDto {
    return {
      access_token: issued.value, token_type: issued.isBound ? 'DPoP' : 'Bearer', expires_in: issued.expiresIn, scope: issued.scope,
      token_id: issued.tokenId, task_id: issued.taskId,
    };
  }
}
