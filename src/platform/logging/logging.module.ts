import { Module, type DynamicModule } from '@nestjs/common';
import { Log } from './log.js';

/** Gives `Log` to every module. It is made before the application, which logs through it from its first line. */
@Module({})
export class LoggingModule {
  static forRoot(log: Log): DynamicModule {
    return { module: LoggingModule, global: true, providers: [{ provide: Log, useValue: log }], exports: [Log] };
  }
}
