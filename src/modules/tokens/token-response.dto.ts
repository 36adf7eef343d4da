import type { IssuedToken } from './token-issuer.service.js';

/** RFC 6749 section 5.1, with our token and task ids. */
export class TokenResponseDto {
  access_token: string;
  /** How to present it. */
  token_type: 'Bearer' | 'DPoP';
  /** Seconds. */
  expires_in: number;
  /** Space-separated. */
  scope: string;
  token_id: string;
  task_id: string;

  static of(issued: IssuedToken): TokenResponseDto {
    return {
      access_token: issued.value, token_type: issued.isBound ? 'DPoP' : 'Bearer', expires_in: issued.expiresIn, scope: issued.scope,
      token_id: issued.tokenId, task_id: issued.taskId,
    };
  }
}
