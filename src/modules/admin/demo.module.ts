import { Module } from '@nestjs/common';
import { DemoController } from './demo.controller.js';

/** Wired only where `LEGATE_DEMO_API` says so. */
@Module({ controllers: [DemoController] })
export class DemoModule {}
