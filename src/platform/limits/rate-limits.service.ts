import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { ENDPOINT_CLASSES, type EndpointClass, type LimitedParty } from './endpoint-class.js';
import { RateLimit } from './rate-limit.js';

/** Every limit of this process, by class of endpoint and by party. One that is switched off is not there. */
@Injectable()
export class RateLimits {
  readonly all: readonly RateLimit[];
  private readonly byClass: Readonly<Record<EndpointClass, Readonly<Partial<Record<LimitedParty, RateLimit>>>>>;

  constructor(config: Config) {
    const limitsOf = (kind: EndpointClass) => Object.fromEntries(Object.entries(config.rateLimits[kind])
      .filter(([, quota]) => quota > 0).map(([party, quota]) => [party, new RateLimit(`${kind}-${party}`, quota)]));
    this.byClass = Object.fromEntries(ENDPOINT_CLASSES.map((kind) => [kind, limitsOf(kind)])) as never;
    this.all = Object.values(this.byClass).flatMap((limits) => Object.values(limits));
  }

  of(kind: EndpointClass, party: LimitedParty): RateLimit | undefined {
    return this.byClass[kind][party];
  }
}
