import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { Provider } from 'oidc-provider';
import { KeyRing } from '../platform/crypto/key-ring.service.js';
import { TokenVerifier } from '../modules/tokens/token-verifier.service.js';
import { ClientLimits } from './client-limits.service.js';
import { FastPath } from './fast-path/fast-path.service.js';
import { bufferBody, offerBody } from './form-body.js';
import { ProtocolGrants } from './grants/protocol-grants.service.js';
import { presentToken } from './presented-token.js';
import { ProtocolStorage } from './protocol-storage.service.js';
import { ProviderFactory } from './provider-factory.js';
import { writeWireError } from './wire-errors.js';

/** The protocol engine in service. A change of keys swaps in a new one; requests under way finish on the old. */
@Injectable()
export class ProtocolServer implements OnApplicationBootstrap {
  private readonly logger = new Logger('oidc');
  private serving?: { readonly provider: Provider; readonly callback: (request: IncomingMessage, response: ServerResponse) => Promise<void> };

  constructor(
    private readonly factory: ProviderFactory,
    private readonly storage: ProtocolStorage,
    private readonly grants: ProtocolGrants,
    private readonly keyRing: KeyRing,
    private readonly verifier: TokenVerifier,
    private readonly fastPath: FastPath,
    private readonly limits: ClientLimits,
  ) {}

  onApplicationBootstrap(): void {
    this.swap();
    this.keyRing.subscribe(() => {
      try {
        this.swap();
      } catch (error) {
        this.logger.error('the protocol engine could not take up new keys and goes on with the old ones', error as Error);
      }
    });
  }

  /** @throws TypeError before the application has started */
  get provider(): Provider {
    if (!this.serving) throw new TypeError('the protocol engine is not in service yet');
    return this.serving.provider;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    bufferBody(request);
    if (await this.fastPath.answer(request, response)) return;
    if (await this.limits.refuseUnproven(request, response)) return;
    offerBody(request);
    try {
      await presentToken(request, this.verifier);
    } catch (error) {
      writeWireError(response, error);
      return;
    }
    await this.serving!.callback(request, response);
  }

  private swap(): void {
    const provider = this.factory.create(this.storage.adapter);
    this.storage.attach(provider);
    this.grants.register(provider);
    this.limits.attach(provider);
    this.serving = { provider, callback: provider.callback() };
  }
}
