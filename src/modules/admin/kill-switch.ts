import type { EntityManager } from 'typeorm';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy, type AuditEvent } from '../audit/audit-event.js';
import type { EndedThing } from '../audit/endings.service.js';

/** What somebody points a kill switch at. */
export interface KillSwitchTarget {
  readonly kind: 'agent' | 'task' | 'user' | 'organization' | 'issued_before';
  /** Of all but the last. */
  readonly id?: string;
  /** Of the last: RFC 3339; by now when it is left out. */
  readonly before?: string;
  /** Of the last: only what this client got. */
  readonly client_id?: string;
  /** Of the last: `all` for the whole installation. */
  readonly organization?: 'all';
}

/** A kill switch that its caller may pull. */
export interface KillSwitch {
  /** Holds what it is about until the transaction ends. */
  hold(manager: EntityManager): Promise<HeldTarget>;
}

export interface HeldTarget {
  readonly thing: EndedThing;
  /** The one event that tells of it. */
  event(told: ToldOfEnding): AuditEvent;
  /** Ends it, without a word of it. Answers since when tokens count again, if there is such a moment. */
  end(): Promise<Date | undefined>;
  /** To be done when it is durable. */
  after?(): void;
}

/** What an event says of every ending. */
export interface ToldOfEnding {
  readonly because: string;
  /** How much, by kind. */
  readonly ended: Readonly<Record<string, number>>;
  readonly notBefore?: Date;
}

/** What it says of the thing besides. */
export interface ToldOfTarget extends Pick<AuditEvent, 'subject' | 'task_id'> {
  /** What people call it. */
  readonly name?: string;
  readonly clientId?: string;
}

/** @param organizationId who finds it in their log; null for the installation */
export function killSwitchEvent(
  caller: Caller, organizationId: string | null, kind: KillSwitchTarget['kind'], target: AuditEvent['target'], { because, ended, notBefore }: ToldOfEnding, told: ToldOfTarget = {},
): AuditEvent {
  return {
    type: 'kill_switch.used', outcome: 'success', organization_id: organizationId, ...doneBy(caller), target, subject: told.subject, task_id: told.task_id,
    details: { switch: kind, name: told.name, because, client_id: told.clientId, before: kind === 'issued_before' ? notBefore?.toISOString() : undefined, ended },
  };
}
