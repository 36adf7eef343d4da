import { Global, Module } from '@nestjs/common';
import { Outbound } from './outbound.js';
import { RequestObserver } from './request-observer.js';
import { RouteTable } from './route-table.js';

@Global()
@Module({ providers: [RequestObserver, RouteTable, Outbound], exports: [RequestObserver, RouteTable, Outbound] })
export class HttpModule {}
