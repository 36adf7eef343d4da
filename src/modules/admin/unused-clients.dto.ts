import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { PageQuery } from '../../platform/http/page.js';
import type { Client } from '../clients/client.entity.js';

export class UnusedClientsQuery extends PageQuery {
  /** Not used for so many days. */
  @IsOmittable() @Type(() => Number) @IsInt() @Min(0) @Max(3650)
  days?: number;
}

export class UnusedClientDto {
  client_id: string;
  client_name: string;
  kind: 'agent' | 'application';
  status: 'pending' | 'active' | 'suspended' | 'deactivated';
  /** Null when it was never used. Up to a minute late. */
  last_used_at: string | null;
  created_at: string;

  static of(this: void, client: Client): UnusedClientDto {
    return {
      client_id: client.id, client_name: client.name, kind: client.kind as UnusedClientDto['kind'], status: client.status,
      last_used_at: client.lastUsedAt?.toISOString() ?? null, created_at: client.createdAt.toISOString(),
    };
  }
}

export class UnusedClientPageDto {
  data: UnusedClientDto[];
  next_cursor: string | null;
}
