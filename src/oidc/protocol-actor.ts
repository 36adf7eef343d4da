import Provider from 'oidc-provider';
import type { AuditParty } from '../modules/audit/audit-event.js';

/** Who makes the protocol request being served: the client once it is known, nobody in particular before. */
export function protocolActor(): AuditParty {
  const client = Provider.ctx?.oidc?.client;
  return client ? { kind: 'client', id: client.clientId } : { kind: 'anonymous' };
}
