import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Background } from '../platform/database/background.js';
import { PURGE_BATCH } from '../platform/database/purge.js';
import { ProtocolObjects } from './protocol-objects.store.js';

/** Deletes what the protocol kept for a while, once it has expired: sessions, codes, refresh tokens, used `jti`s, stored responses. */
@Injectable()
export class ProtocolUpkeep implements OnModuleInit {
  constructor(private readonly background: Background, private readonly objects: ProtocolObjects) {}

  onModuleInit(): void {
    this.background.every({
      name: 'expired protocol objects',
      everySeconds: 60,
      run: async (manager) => await this.objects.purgeExpired(PURGE_BATCH, manager) >= PURGE_BATCH,
    });
  }
}
