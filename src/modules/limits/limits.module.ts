import { Module } from '@nestjs/common';
import { Limits } from './limits.service.js';
import { UsageCounters } from './usage-counters.service.js';
import { UsageMeter } from './usage-meter.service.js';
import { UsageUpkeep } from './usage-upkeep.service.js';

/** What agents may use, and how much of it they have used. It knows those it counts for by kind and id alone. */
@Module({
  providers: [Limits, UsageCounters, UsageMeter, UsageUpkeep],
  exports: [Limits, UsageCounters, UsageMeter],
})
export class LimitsModule {}
