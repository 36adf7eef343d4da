import type { GivenMetadata } from '../clients/client-registration.service.js';
import type { AgentMetadataDto } from './agents.dto.js';

/** What a body says of the client that the agent speaks through. Null says "none" where there may be none, and nothing elsewhere. */
export function clientMetadataIn(body: AgentMetadataDto): GivenMetadata {
  return {
    tokenEndpointAuthMethod: body.token_endpoint_auth_method ?? undefined,
    grantTypes: body.grant_types ?? undefined,
    redirectUris: body.redirect_uris ?? undefined,
    jwks: body.jwks,
    jwksUri: body.jwks_uri,
  };
}
