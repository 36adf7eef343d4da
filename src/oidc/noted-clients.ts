import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { noteClient } from '../platform/http/request-context.js';

/** Has the access log name the client of each protocol request, as soon as it is over: the one found, also when it could not prove that it is. */
export function noteClients(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next();
    const clientId = (ctx as Partial<KoaContextWithOIDC>).oidc?.client?.clientId;
    if (clientId !== undefined) noteClient(clientId);
  });
}
