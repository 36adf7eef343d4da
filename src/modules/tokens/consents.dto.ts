import { PageQuery } from '../../platform/http/page.js';
import { consentedScopes } from './consent-scopes.js';
import type { OwnConsent } from './own-consents.service.js';

export class ConsentsQuery extends PageQuery {}

export class ConsentedClientDto {
  client_id: string;
  client_name: string | null;
}

export class ConsentedScopesDto {
  /** Identifier of the resource; null for the scopes of OpenID Connect. */
  resource: string | null;
  scopes: string[];
}

/** What a client may do for you because you agreed. */
export class ConsentDto {
  id: string;
  client: ConsentedClientDto;
  scopes: ConsentedScopesDto[];
  granted_at: string;
  expires_at: string;

  static of({ consent, client }: OwnConsent): ConsentDto {
    return {
      id: consent.id,
      client: { client_id: consent.clientId, client_name: client?.name ?? null },
      scopes: consentedScopes(consent.payload),
      granted_at: consent.createdAt.toISOString(),
      expires_at: consent.expiresAt.toISOString(),
    };
  }
}

export class ConsentPageDto {
  data: ConsentDto[];
  next_cursor: string | null;
}
