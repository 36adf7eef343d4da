import { Injectable } from '@nestjs/common';
import type { OrganizationId } from '../../kernel/ids.js';
import type { RecordedDecision } from '../audit/recorded-decisions.service.js';
import type { DecisionRequest } from './decision.js';

export type { RecordedDecision } from '../audit/recorded-decisions.service.js';

/** One of the things that an event's decision was about, as it can be decided again. */
export interface ReplayableDecision {
  readonly request: DecisionRequest;
  /** As the event has it. */
  readonly wasAllowed: boolean;
}

/**
 * What an event of the organization's log was decided about: everything that the event says, as of its time, and the subject's
 * attributes as they are now. Empty when nothing was decided about it in particular; undefined when it is of a kind that the reader
 * does not know, or does not say enough.
 */
export type EventReader = (organizationId: OrganizationId, event: RecordedDecision) => Promise<readonly ReplayableDecision[] | undefined>;

/**
 * Most events say who decided, but not on which request: that would be too much to write with each token. The modules whose events
 * they are, which stand right of this one, say here how to make the request out of the event.
 */
@Injectable()
export class DecisionReplays {
  private readonly makers: (() => EventReader)[] = [];

  /** @param maker called once for each simulation: what a reader has found out it may keep */
  readBy(maker: () => EventReader): void {
    this.makers.push(maker);
  }

  /** Tries them all. */
  reader(): EventReader {
    const readers = this.makers.map((make) => make());
    return async (organizationId, event) => {
      for (const read of readers) {
        const found = await read(organizationId, event);
        if (found) return found;
      }
      return undefined;
    };
  }
}
