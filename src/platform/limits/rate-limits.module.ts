import { Global, Module } from '@nestjs/common';
import { CountExchange } from './count-exchange.service.js';
import { RateLimits } from './rate-limits.service.js';
import { RequestLimits } from './request-limits.service.js';

@Global()
@Module({ providers: [CountExchange, RateLimits, RequestLimits], exports: [RequestLimits] })
export class RateLimitsModule {}
