import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { now } from '../../kernel/clock.js';

/** Of whom everything ends that goes back to before a moment: an organization, a client, or the whole installation. */
export type CutoffReach =
  | { readonly kind: 'organization'; readonly organizationId: string }
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'installation' };

const SECOND = 1000;
/** How far the clock of a node may be ahead for a token that it has dated to be found before the moment. */
const CLOCK_AHEAD_MS = 30 * SECOND;

/**
 * Ends at one stroke whatever was issued before a moment: one row of an organization or a client says since when what they issue
 * counts, and every question about a token reads it (`token-liveness.ts`). However many tokens that are, none is written.
 *
 * Tokens and sign-ins are dated in whole seconds, downwards. So the moment is a whole second too, and one that means "by now" is
 * the beginning of the next.
 */
@Injectable()
export class TokenCutoffs {
  constructor(private readonly dataSource: DataSource) {}

  /** The moment that "by now" means: after every token that is in the ledger. Milliseconds. */
  async byNow(manager: EntityManager, reach: CutoffReach): Promise<Date> {
    const [row] = await manager.query<{ newest: Date | null }[]>(
      reach.kind === 'installation' ? 'SELECT issued_at AS newest FROM tokens ORDER BY token_id DESC LIMIT 1'
        : `SELECT issued_at AS newest FROM tokens WHERE organization_id = ${reach.kind === 'organization' ? '$1' : '(SELECT organization_id FROM clients WHERE id = $1)'}
           ORDER BY token_id DESC LIMIT 1`,
      reach.kind === 'installation' ? [] : [reach.kind === 'organization' ? reach.organizationId : reach.clientId]);
    const at = now();
    const dated = Math.min((row?.newest?.getTime() ?? 0) + 1, at + CLOCK_AHEAD_MS);
    return wholeSecond(Math.max(at, dated));
  }

  /** The caller's transaction ends with its own event. A moment that lies before the one that holds changes nothing. */
  async draw(manager: EntityManager, reach: CutoffReach, moment: Date): Promise<void> {
    switch (reach.kind) {
      case 'client':
        await manager.query('UPDATE clients SET tokens_not_before = greatest(tokens_not_before, $2) WHERE id = $1', [reach.clientId, moment]);
        return;
      case 'organization':
        await manager.query('UPDATE organizations SET tokens_not_before = greatest(tokens_not_before, $2) WHERE id = $1', [reach.organizationId, moment]);
        return;
      case 'installation':
        // In one order, so that two who do it at once do not wait for each other.
        await manager.query(`WITH held AS (SELECT id FROM organizations ORDER BY id FOR NO KEY UPDATE)
          UPDATE organizations SET tokens_not_before = greatest(tokens_not_before, $1) FROM held WHERE organizations.id = held.id`, [moment]);
    }
  }

  /**
   * The moment before which nothing counts of this client in this organization; undefined when there is none. For whoever has to
   * know it before a token is asked for.
   */
  async of(organizationId: string, clientId: string): Promise<Date | undefined> {
    const [row] = await this.dataSource.query<{ moment: Date | null }[]>(
      `SELECT greatest((SELECT tokens_not_before FROM organizations WHERE id = $1), (SELECT tokens_not_before FROM clients WHERE id = $2)) AS moment`, [organizationId, clientId]);
    return row?.moment ?? undefined;
  }
}

/** The first whole second that is not before this moment. */
export function wholeSecond(milliseconds: number): Date {
  return new Date(Math.ceil(milliseconds / SECOND) * SECOND);
}
