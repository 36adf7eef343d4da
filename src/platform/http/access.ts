import { SetMetadata } from '@nestjs/common';

/** Who may call a route. Every controller method declares exactly one; the guard refuses a route without. */
export type AccessRule =
  | { readonly kind: 'public' }
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'scopes'; readonly scopes: readonly string[] };

export const ACCESS = Symbol('access');

export const Access = {
  /** Anybody. The method itself must not reveal or change what belongs to someone. */
  public: () => SetMetadata(ACCESS, { kind: 'public' } satisfies AccessRule),
  /** Any live access token of this server for its API, whatever its scopes: for what concerns only the caller. */
  authenticated: () => SetMetadata(ACCESS, { kind: 'authenticated' } satisfies AccessRule),
  /** A live access token that carries every one of these scopes, held by a caller whose role still allows them. */
  scopes: (...scopes: string[]) => SetMetadata(ACCESS, { kind: 'scopes', scopes } satisfies AccessRule),
};
