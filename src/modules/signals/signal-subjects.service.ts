import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { canonicalJson } from '../../kernel/canonical-json.js';
import { Config } from '../../platform/config/config.js';
import type { Caller } from '../../platform/http/caller.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import type { SubjectIdentifier } from './signal-events.js';
import { endOfLog, SignalStreams } from './signal-streams.service.js';
import { choosing, readSubject, type SubjectChoice } from './stream-subjects.js';
import { tooManySubjects } from './signals.errors.js';

/** Of one stream. */
export const MOST_SUBJECTS = 1000;

interface StoredChoice extends SubjectChoice {
  readonly position: string;
}

interface ChoiceRow {
  readonly position: string;
  readonly subject: string;
  readonly is_sent: boolean;
  readonly first_sequence: string;
}

/**
 * The subjects of streams (Shared Signals 1.0 section 8.1.3). All of its organization are on a stream from the start; a receiver takes
 * some of them off, and puts them back. What is kept is what differs from that.
 */
@Injectable()
export class SignalSubjects {
  constructor(private readonly streams: SignalStreams, private readonly config: Config, private readonly audit: AuditLog) {}

  /** @throws DomainError `signal_stream_not_found`, `invalid_subject`, `subject_not_recognized`, `too_many_subjects` */
  async add(caller: Caller, streamId: string, subject: object): Promise<void> {
    await this.choose(caller, streamId, subject, true);
  }

  /** From now on: what happened before is still told. @throws DomainError as `add` */
  async remove(caller: Caller, streamId: string, subject: object): Promise<void> {
    await this.choose(caller, streamId, subject, false);
  }

  /** What was chosen for a stream, the earliest first. */
  async of(manager: EntityManager, streamId: string): Promise<StoredChoice[]> {
    const rows = await manager.query<ChoiceRow[]>('SELECT position, subject, is_sent, first_sequence FROM signal_subjects WHERE stream_id = $1 ORDER BY position', [streamId]);
    return rows.map(({ position, subject, is_sent: isSent, first_sequence: first }) => ({ position, subject: JSON.parse(subject) as SubjectIdentifier, isSent, firstSequence: Number(first) }));
  }

  private async choose(caller: Caller, streamId: string, given: object, isSent: boolean): Promise<void> {
    await this.streams.changing(caller, streamId, async (manager, stream) => {
      const subject = readSubject(given, this.config.issuer);
      const choices = await this.of(manager, stream.id);
      const change = choosing(choices, subject, isSent);
      if (!change) return;
      const { dropped, isAdded } = change;
      if (isAdded && choices.length - dropped.length >= MOST_SUBJECTS) throw tooManySubjects(MOST_SUBJECTS);
      await manager.query('DELETE FROM signal_subjects WHERE position = ANY ($1::bigint[])', [dropped.map(({ position }) => position)]);
      if (isAdded) {
        await manager.query('INSERT INTO signal_subjects (stream_id, organization_id, subject, is_sent, first_sequence) VALUES ($1, $2, $3, $4, $5)',
          [stream.id, stream.organizationId, canonicalJson(subject), isSent, await endOfLog(manager)]);
      }
      await this.audit.recordIn(manager, {
        type: isSent ? 'signal_subject.added' : 'signal_subject.removed', outcome: 'success', organization_id: stream.organizationId, ...doneBy(caller),
        target: { kind: 'signal_stream', id: stream.id }, details: { client_id: stream.clientId, subject },
      });
    });
  }
}
