import { Global, Module } from '@nestjs/common';
import { Config } from '../config/config.js';
import { Log } from '../logging/log.js';
import { AttemptLimiter } from './attempt-limiter.js';
import { REDIS, type Redis } from './redis.token.js';

/** The client is loaded only where it is configured: it is a third of a second and a few megabytes that most starts can do without. */
async function connection(config: Config, log: Log): Promise<Redis> {
  if (config.redisUrl === undefined) return undefined;
  const { RedisConnection } = await import('./redis-connection.js');
  return new RedisConnection(config.redisUrl, log);
}

@Global()
@Module({
  providers: [{ provide: REDIS, inject: [Config, Log], useFactory: connection }, AttemptLimiter],
  exports: [REDIS, AttemptLimiter],
})
export class RedisModule {}
