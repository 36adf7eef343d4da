import { IsString } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';

export class StatusListQuery {
  /** Refused: a list tells how tokens stand now. */
  @IsOmittable() @IsString()
  time?: string;
}

/** Draft-ietf-oauth-status-list, "Status List Aggregation Data Structure in JSON Format". */
export class StatusListAggregationDto {
  /** Addresses of all status lists in which a token can still be. */
  status_lists: string[];
}
