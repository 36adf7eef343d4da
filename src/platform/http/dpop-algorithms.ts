/** Algorithms in which a DPoP proof may be signed (RFC 9449 section 4.3), as challenges advertise them. */
export const DPOP_ALGORITHMS: readonly string[] = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];
