import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AdminModule } from './modules/admin/admin.module.js';
import { DemoModule } from './modules/admin/demo.module.js';
import { AgentsModule } from './modules/agents/agents.module.js';
import { AuditModule } from './modules/audit/audit.module.js';
import { ClientsModule } from './modules/clients/clients.module.js';
import { DelegationModule } from './modules/delegation/delegation.module.js';
import { LimitsModule } from './modules/limits/limits.module.js';
import { LineageModule } from './modules/lineage/lineage.module.js';
import { OrganizationsModule } from './modules/organizations/organizations.module.js';
import { PoliciesModule } from './modules/policies/policies.module.js';
import { ResourcesModule } from './modules/resources/resources.module.js';
import { ScopesModule } from './modules/scopes/scopes.module.js';
import { StatusListsModule } from './modules/status-lists/status-lists.module.js';
import { SignalsModule } from './modules/signals/signals.module.js';
import { TasksModule } from './modules/tasks/tasks.module.js';
import { ToolsModule } from './modules/tools/tools.module.js';
import { TokensModule } from './modules/tokens/tokens.module.js';
import { UsageModule } from './modules/usage/usage.module.js';
import { UsersModule } from './modules/users/users.module.js';
import { Measurements } from './measurements.service.js';
import { OidcModule } from './oidc/oidc.module.js';
import type { Config } from './platform/config/config.js';
import { ConfigModule } from './platform/config/config.module.js';
import { CryptoModule } from './platform/crypto/crypto.module.js';
import { DatabaseModule } from './platform/database/database.module.js';
import { HealthModule } from './platform/health/health.module.js';
import { AccessGuard } from './platform/http/access.guard.js';
import { HttpModule } from './platform/http/http.module.js';
import { RefusalInterceptor } from './platform/http/refusal.interceptor.js';
import { RateLimitsModule } from './platform/limits/rate-limits.module.js';
import type { Log } from './platform/logging/log.js';
import { LoggingModule } from './platform/logging/logging.module.js';
import { MetricsModule } from './platform/metrics/metrics.module.js';
import { RedisModule } from './platform/redis/redis.module.js';
import { Preparation } from './preparation.service.js';

@Module({})
export class AppModule {
  static forRoot(config: Config, log: Log): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config), LoggingModule.forRoot(log), MetricsModule, DatabaseModule, CryptoModule, RedisModule, HealthModule, HttpModule, RateLimitsModule,
        AuditModule, LimitsModule, OrganizationsModule, UsersModule, ScopesModule, ResourcesModule, ToolsModule, ClientsModule, AgentsModule, PoliciesModule, DelegationModule, TasksModule,
        TokensModule, StatusListsModule, LineageModule, UsageModule, SignalsModule, AdminModule,
        ...(config.demoApi ? [DemoModule] : []),
        OidcModule,
      ],
      providers: [
        Preparation,
        Measurements,
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_INTERCEPTOR, useClass: RefusalInterceptor },
      ],
    };
  }
}
