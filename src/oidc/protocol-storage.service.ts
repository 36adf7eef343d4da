import { Injectable } from '@nestjs/common';
import type { Adapter, Provider } from 'oidc-provider';
import { AuditLog } from '../modules/audit/audit-log.service.js';
import { ClientsService } from '../modules/clients/clients.service.js';
import { ConsentGrants } from '../modules/tokens/consent-grants.service.js';
import { TokenRevocation } from '../modules/tokens/token-revocation.service.js';
import { TokenVerifier } from '../modules/tokens/token-verifier.service.js';
import { SingleUse } from '../platform/database/single-use.service.js';
import { adapterFor } from './adapter.js';
import { useClientRegistry } from './clients.js';
import { ProtocolObjects } from './protocol-objects.store.js';
import { recordProtocol } from './protocol-record.js';
import { onTheWire } from './wire-errors.js';

/** Connects a provider to where our facts are: protocol objects, the ledger, the client registry, the audit log. */
@Injectable()
export class ProtocolStorage {
  readonly adapter: (model: string) => Adapter;

  constructor(
    objects: ProtocolObjects,
    consents: ConsentGrants,
    revocation: TokenRevocation,
    verifier: TokenVerifier,
    private readonly clients: ClientsService,
    private readonly singleUse: SingleUse,
    private readonly audit: AuditLog,
  ) {
    this.adapter = adapterFor({ objects, consents, revocation, verifier });
  }

  attach(provider: Provider): void {
    recordProtocol(provider, this.audit, this.clients);
    useClientRegistry(provider, this.clients);
    // The library looks first and writes then; of two nodes that look at once, both would find the jti unused.
    provider.ReplayDetection.unique = onTheWire((issuer: string, jti: string, expiresAt: number) => this.singleUse.claim(`jti:${issuer}`, jti, expiresAt));
  }
}
