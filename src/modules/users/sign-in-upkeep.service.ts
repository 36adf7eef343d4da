import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Background } from '../../platform/database/background.js';
import { PURGE_BATCH } from '../../platform/database/purge.js';
import { SignInThrottle } from './sign-in-throttle.service.js';

/** Forgets where people and agents signed in from, once that was long ago. */
@Injectable()
export class SignInUpkeep implements OnModuleInit {
  constructor(private readonly background: Background, private readonly throttle: SignInThrottle) {}

  onModuleInit(): void {
    this.background.every({
      name: 'networks of old sign-ins',
      everySeconds: 3600,
      run: async (manager) => await this.throttle.forget(manager, PURGE_BATCH) === PURGE_BATCH,
    });
  }
}
