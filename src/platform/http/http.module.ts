import { Global, Module } from '@nestjs/common';
import { RequestObserver } from './request-observer.js';
import { RouteTable } from './route-table.js';

@Global()
@Module({ providers: [RequestObserver, RouteTable], exports: [RequestObserver, RouteTable] })
export class HttpModule {}
