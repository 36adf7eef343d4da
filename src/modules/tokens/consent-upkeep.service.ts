import { Injectable, type OnModuleInit } from '@nestjs/common';
import { now } from '../../kernel/clock.js';
import { Config } from '../../platform/config/config.js';
import { Background } from '../../platform/database/background.js';
import { purge, PURGE_BATCH } from '../../platform/database/purge.js';

/** The most that a resource may ask for its access tokens. Seconds. */
const LONGEST_ACCESS_TOKEN = 24 * 3600;

/**
 * Deletes consents that are over. Nothing is issued on a consent that was revoked or has expired, so once the longest life of a
 * token has passed since, none that stands on it can be alive; and what stands on none is dead like what stands on a revoked one.
 * That there was one, and what for, is in the audit log.
 */
@Injectable()
export class ConsentUpkeep implements OnModuleInit {
  constructor(private readonly background: Background, private readonly config: Config) {}

  onModuleInit(): void {
    const { accessTokenTtl, refreshTokenTtl } = this.config;
    const longestLife = Math.max(LONGEST_ACCESS_TOKEN, accessTokenTtl, refreshTokenTtl);
    this.background.every({
      name: 'ended consents',
      everySeconds: 3600,
      run: async (manager) => {
        const endedBefore = new Date(now() - longestLife * 1000);
        return await purge(manager, 'consent_grants', 'least(revoked_at, expires_at) <= $1', endedBefore, PURGE_BATCH) === PURGE_BATCH;
      },
    });
  }
}
