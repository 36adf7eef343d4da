import { ApiProperty } from '@nestjs/swagger';
import type { Caller } from '../../platform/http/caller.js';

/** Who the token speaks for: a resource server's view of its caller. */
export class DemoCallerDto {
  /** The client that holds the token. */
  client_id: string;
  /** The person, or the agent itself. */
  subject: string;
  /** Organization of the token. */
  tenant_id: string;

  static of(caller: Caller): DemoCallerDto {
    return { client_id: caller.clientId, subject: caller.subject, tenant_id: caller.organizationId };
  }
}

export class CityWeatherDto {
  city: string;
  @ApiProperty({ format: 'double' })
  temperature_celsius: number;
  conditions: string;
}

export class WeatherDto {
  data: CityWeatherDto[];
  caller: DemoCallerDto;
}

export class StockPriceDto {
  symbol: string;
  @ApiProperty({ format: 'double' })
  price: number;
  /** ISO 4217. */
  currency: string;
}

export class StocksDto {
  data: StockPriceDto[];
  caller: DemoCallerDto;
}
