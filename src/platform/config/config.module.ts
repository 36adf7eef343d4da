import { Module, type DynamicModule } from '@nestjs/common';
import { Config } from './config.js';

/** Gives `Config` to every module. It is loaded before the application, so that a bad setting ends the start with its sentence alone. */
@Module({})
export class ConfigModule {
  static forRoot(config: Config): DynamicModule {
    return { module: ConfigModule, global: true, providers: [{ provide: Config, useValue: config }], exports: [Config] };
  }
}
