/** Who asks about a token. */
export interface TokenViewer {
  readonly clientId: string;
  /** Null for a client that serves every organization. */
  readonly organizationId: string | null;
  /** Has the client proved who it is? A public one cannot (RFC 7662 section 2.1). */
  readonly isProven: boolean;
  /** Identifiers of the resources that it serves. */
  readonly servedResources: ReadonlySet<string>;
  /** May it see all tokens of its organization? */
  readonly administersTokens: boolean;
}

export interface ViewedToken {
  readonly clientId?: string;
  readonly tenantId: unknown;
  readonly audience?: string | readonly string[];
}

/** A token may be seen by its own client, by a resource server it is meant for, and by who administers tokens, within one organization. */
export function maySeeToken(viewer: TokenViewer, token: ViewedToken): boolean {
  if (!viewer.isProven) return false;
  if (token.clientId === viewer.clientId) return true;
  if (viewer.organizationId === null || token.tenantId !== viewer.organizationId) return false;
  return [token.audience ?? []].flat().some((audience) => viewer.servedResources.has(audience)) || viewer.administersTokens;
}
