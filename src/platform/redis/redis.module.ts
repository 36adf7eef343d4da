import { Global, Module } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Log } from '../logging/log.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { RedisConnection } from './redis-connection.js';
import { REDIS, type Redis } from './redis.token.js';

@Global()
@Module({
  providers: [
    { provide: REDIS, inject: [Config, Log], useFactory: (config: Config, log: Log): Redis => (config.redisUrl === undefined ? undefined : new RedisConnection(config.redisUrl, log)) },
    AttemptLimiter,
  ],
  exports: [REDIS, AttemptLimiter],
})
export class RedisModule {}
