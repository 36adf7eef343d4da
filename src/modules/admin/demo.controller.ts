import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { DemoCallerDto, StocksDto, WeatherDto } from './demo.dto.js';

/** A protected API to try a token on. Its data is made up and always the same. */
@ApiTags('demo')
@Controller('api/demo')
export class DemoController {
  /** Shows the weather in a few cities, and whom the token speaks for. */
  @Get('weather')
  @Access.scopes('weather:read')
  weather(@CurrentCaller() caller: Caller): WeatherDto {
    return {
      data: [
        { city: 'Lisbon', temperature_celsius: 21.5, conditions: 'sunny' },
        { city: 'Oslo', temperature_celsius: 6, conditions: 'rain' },
        { city: 'Nairobi', temperature_celsius: 24, conditions: 'cloudy' },
      ],
      caller: DemoCallerDto.of(caller),
    };
  }

  /** Shows the prices of a few stocks, and whom the token speaks for. */
  @Get('stocks')
  @Access.scopes('stocks:read')
  stocks(@CurrentCaller() caller: Caller): StocksDto {
    return {
      data: [
        { symbol: 'ACME', price: 123.45, currency: 'EUR' },
        { symbol: 'GLOBEX', price: 67.8, currency: 'EUR' },
      ],
      caller: DemoCallerDto.of(caller),
    };
  }
}
