import { Type } from 'class-transformer';
import { IsIn, IsInt, IsObject, IsUUID, Matches, Max, Min, ValidateNested } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsDateTime, IsDisplayName } from '../../platform/http/validation.js';
import type { EndedKind, EndedKinds } from '../audit/endings.service.js';
import type { PulledSwitch } from './kill-switches.service.js';

const CLIENT_ID = /^[\x21-\x7E]{1,200}$/;
const KINDS = ['agent', 'task', 'user', 'organization', 'issued_before'] as const;

export class KillSwitchTargetDto {
  /**
   * `agent`: it is suspended, and what was delegated to it ends. `task`: it is cancelled with all below it. `user`: the account is
   * disabled, and what they agreed to and delegated ends. `organization`: it is suspended; for platform administrators.
   * `issued_before`: everything ends that goes back to before a moment, be it by the sign-in that it came from.
   */
  @IsIn(KINDS)
  kind: 'agent' | 'task' | 'user' | 'organization' | 'issued_before';

  /** Of the agent, task, person or organization. */
  @IsOmittable() @IsUUID()
  id?: string;

  /** Of `issued_before`: the moment. Everything by now when it is left out. */
  @IsOmittable() @IsDateTime()
  before?: string;

  /** Of `issued_before`: only what this client got. */
  @IsOmittable() @Matches(CLIENT_ID, { message: 'client_id must be up to 200 printable ASCII characters' })
  client_id?: string;

  /** Of `issued_before`: `all` for every organization. For platform administrators. */
  @IsOmittable() @IsIn(['all'])
  organization?: 'all';
}

export class KillSwitchDto {
  /** What to end. */
  @IsObject() @ValidateNested() @Type(() => KillSwitchTargetDto)
  target: KillSwitchTargetDto;
}

/** Numbers as a preview told them. */
export class PreviewedCountsDto {
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) tokens?: number;
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) refresh_tokens?: number;
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) people?: number;
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) delegations?: number;
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) consents?: number;
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) tasks?: number;
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) sessions?: number;
  @IsOmittable() @IsInt() @Min(0) @Max(1_000_000_000) agents?: number;
}

export class UseKillSwitchDto extends KillSwitchDto {
  /**
   * Why, for the audit log.
   * @example "The agent sends mail that nobody asked it for."
   */
  @IsDisplayName(500)
  reason: string;

  /** `counts` of the preview. The answer then tells what has come since; that ends as well. */
  @IsOmittable() @IsObject() @ValidateNested() @Type(() => PreviewedCountsDto)
  previewed?: PreviewedCountsDto;
}

export class EndedNameDto {
  id: string;
  /** What people call it, where it has a name. */
  name: string | null;
  /** How many are under this name. */
  count: number;
}

/** What of one kind ends. */
export class EndedKindDto {
  count: number;
  /** Counting stopped there; there are more. */
  is_minimum: boolean;
  /** The first 20, those with the most first. */
  names: EndedNameDto[];
  /** How many names there are beside these. */
  more: number;

  static of({ count, isMinimum = false, names, more }: EndedKind): EndedKindDto {
    return { count, is_minimum: isMinimum, names: names.map(({ id, name, count: of }) => ({ id, name, count: of })), more };
  }
}

export class EndedCountsDto {
  tokens: number;
  refresh_tokens: number;
  people: number;
  delegations: number;
  consents: number;
  tasks: number;
  sessions: number;
  agents: number;
}

const NOTHING: EndedKind = { count: 0, names: [], more: 0 };

/** What is alive and ends, by kind. */
export class EndingDto {
  /** The same numbers alone. */
  counts: EndedCountsDto;
  /** Access tokens and refresh tokens, by client. */
  tokens: EndedKindDto;
  /** How many of these are refresh tokens. */
  refresh_tokens: EndedKindDto;
  /** For whom these tokens speak. */
  people: EndedKindDto;
  /** Delegations, by the agent that they were made to. */
  delegations: EndedKindDto;
  /** What people agreed to, by the client that has it; of an agent by the people. */
  consents: EndedKindDto;
  /** Tasks that are cancelled, each by its description. */
  tasks: EndedKindDto;
  /** Browser sessions in which people have to sign in again, by person. */
  sessions: EndedKindDto;
  /** Agents that stop. */
  agents: EndedKindDto;

  static of(this: void, ended: EndedKinds): EndingDto {
    const kind = (name: keyof EndedCountsDto) => EndedKindDto.of(ended[name] ?? NOTHING);
    const kinds = {
      tokens: kind('tokens'), refresh_tokens: kind('refresh_tokens'), people: kind('people'), delegations: kind('delegations'), consents: kind('consents'), tasks: kind('tasks'),
      sessions: kind('sessions'), agents: kind('agents'),
    };
    return { counts: Object.fromEntries(Object.entries(kinds).map(([name, { count }]) => [name, count])) as unknown as EndedCountsDto, ...kinds };
  }
}

/** Of each kind that the request has a number of: how many more ended, or fewer. */
export class CountDifferencesDto {
  tokens?: number;
  refresh_tokens?: number;
  people?: number;
  delegations?: number;
  consents?: number;
  tasks?: number;
  sessions?: number;
  agents?: number;
}

export class PulledSwitchDto {
  /** As it was the moment before. */
  ended: EndingDto;
  /** Tokens that are issued, and sign-ins, count again from this moment on. Null where nothing depends on one. */
  not_before: string | null;
  /** What ended beside, or instead of, what `previewed` says; null when it says nothing. */
  since_preview: CountDifferencesDto | null;

  static of(this: void, { ended, notBefore }: PulledSwitch, previewed?: PreviewedCountsDto): PulledSwitchDto {
    const ending = EndingDto.of(ended);
    return { ended: ending, not_before: notBefore?.toISOString() ?? null, since_preview: differences(ending.counts, previewed) };
  }
}

/** What has come, or gone, since a preview told these numbers. */
export function differences(counts: EndedCountsDto, previewed: PreviewedCountsDto | undefined): CountDifferencesDto | null {
  if (!previewed) return null;
  return Object.fromEntries(Object.entries(counts).flatMap(([kind, count]: [string, number]) => {
    const before = previewed[kind as keyof EndedCountsDto];
    return before === undefined ? [] : [[kind, count - before]];
  }));
}
