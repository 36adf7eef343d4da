import { Global, Module } from '@nestjs/common';
import { HealthChecks } from './health-checks.js';
import { HealthController } from './health.controller.js';
import { Lifecycle } from './lifecycle.js';
import { StorageChecks } from './storage-checks.js';

@Global()
@Module({ controllers: [HealthController], providers: [HealthChecks, Lifecycle, StorageChecks], exports: [HealthChecks, Lifecycle] })
export class HealthModule {}
