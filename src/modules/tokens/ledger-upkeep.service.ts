import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Background } from '../../platform/database/background.js';
import { TokenLedger } from './token-ledger.service.js';

const SIX_HOURS = 6 * 3600;

/** Sees to it that the ledger of a server that runs for months has somewhere to put the next month's rows. */
@Injectable()
export class LedgerUpkeep implements OnModuleInit {
  constructor(private readonly background: Background, private readonly ledger: TokenLedger) {}

  onModuleInit(): void {
    this.background.every({ name: 'token partitions', everySeconds: SIX_HOURS, run: (manager) => this.ledger.ensurePartitions(manager) });
  }
}
