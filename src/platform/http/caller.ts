import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { OrganizationId } from '../../kernel/ids.js';

export type Role = 'owner' | 'admin' | 'member';

/** Who makes a REST request, as established from a verified, live access token. */
export interface Caller {
  readonly kind: 'user' | 'agent' | 'client';
  /** The token's `sub`. */
  readonly subject: string;
  readonly clientId: string;
  /** The one organization this request may touch: the token's `tenant_id`. */
  readonly organizationId: OrganizationId;
  /** The member's role as it is now; agents and other clients have none. */
  readonly role?: Role;
  /** Scopes of the token that the caller's role still allows. */
  readonly scopes: ReadonlySet<string>;
  readonly isPlatformAdministrator: boolean;
  readonly tokenId: string;
  /** RFC 8693 section 4.1, when somebody acts for the subject. */
  readonly act?: unknown;
}

/** The caller of a route that is not public. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller | undefined =>
  context.switchToHttp().getRequest<{ user?: Caller }>().user);
