import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Provider, type KoaContextWithOIDC } from 'oidc-provider';
import type { DomainError } from '../kernel/domain-error.js';
import type { ClientRecord } from '../modules/clients/clients.service.js';
import { requestContext, type RequestContext } from '../platform/http/request-context.js';
import { RequestLimits } from '../platform/limits/request-limits.service.js';
import type { ReachedLimit } from '../platform/limits/limit-recorder.js';
import { clientRecordOf } from './clients.js';
import { RequestGate } from './request-gate.service.js';
import { toWireError } from './wire-errors.js';

/** Only of those the gate lets a request go on from a source that has nothing left. */
const BACK_CHANNEL = { isBackChannel: true };

/**
 * Has requests count for the clients that proved to make them, by a secret or an assertion, at every endpoint where clients prove
 * themselves. Public clients prove nothing: anybody could use up what is theirs. Their requests go on counting for the source.
 */
@Injectable()
export class ClientLimits {
  constructor(private readonly limits: RequestLimits, private readonly gate: RequestGate) {}

  /** @returns the limit that the request ran into; undefined when it may go on */
  charge(context: RequestContext, { kind, id, organizationId }: ClientRecord, response: ServerResponse): ReachedLimit | undefined {
    return this.limits.charge(context, { kind: kind === 'agent' ? 'agent' : 'client', id, organizationId }, response);
  }

  /** The answer to a request that ran into a limit, once it is on record. @throws DomainError `audit_unavailable` */
  refusalOf(reached: ReachedLimit): Promise<DomainError> {
    return this.limits.refusalOf(reached);
  }

  /** Answers a request that nobody has proven to have made, when its source has nothing left. Was it so? */
  async refuseUnproven(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const context = requestContext();
    if (!context?.isSourceSpent) return false;
    await this.gate.refuse(request, response, context, BACK_CHANNEL);
    return true;
  }

  /** Call it when the provider has its clients and its memory of assertions. */
  attach(provider: Provider): void {
    const { Client, ReplayDetection } = provider;
    const compare = Client.prototype.compareClientSecret;
    Client.prototype.compareClientSecret = (async function compareClientSecret(this: InstanceType<typeof Client>, presented: string): Promise<boolean> {
      if (!await compare.call(this, presented)) return false;
      await admit(clientRecordOf(this));
      return true;
    }) as typeof compare;
    const unique = ReplayDetection.unique.bind(ReplayDetection);
    // The last thing asked of an assertion. One that somebody caught and sends again is not the client's.
    ReplayDetection.unique = async (...claim: Parameters<typeof unique>) => {
      const isNew = await unique(...claim);
      const { client, params } = (Provider.ctx as KoaContextWithOIDC | undefined)?.oidc ?? {};
      if (isNew && client?.clientAuthMethod === 'private_key_jwt' && params?.['client_assertion'] !== undefined) await admit(clientRecordOf(client));
      return isNew;
    };
    const admit = async (client: ClientRecord) => {
      const [context, ctx] = [requestContext(), Provider.ctx];
      const reached = context && ctx && this.charge(context, client, ctx.res);
      if (reached) throw toWireError(await this.limits.refusalOf(reached).catch((unrecorded: unknown) => unrecorded));
    };
  }
}
