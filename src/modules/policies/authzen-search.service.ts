import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { canonicalJson, type JsonValue } from '../../kernel/canonical-json.js';
import { decodeCursor, encodeCursor } from '../../kernel/cursor.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import type { Caller } from '../../platform/http/caller.js';
import { redactFields } from '../../platform/logging/redaction.js';
import { doneBy } from '../audit/audit-event.js';
import { AuditLog } from '../audit/audit-log.service.js';
import { foreignPageToken } from './authzen.errors.js';
import { MOST_RESULTS, questionOf, type ActionSearch, type ResourceSearch, type Searched, type SubjectSearch } from './authzen-request.js';
import type { DecisionRequest } from './decision.js';
import { EntityDirectory } from './entity-directory.service.js';
import { EntityFacts } from './entity-facts.service.js';
import { PolicyDecisions } from './policy-decisions.service.js';
import { PolicySets } from './policy-sets.service.js';

type Question = Omit<DecisionRequest, 'organizationId'>;

interface Search {
  readonly kind: Searched;
  /** All of the request but its page: what a page token belongs to. */
  readonly asked: object;
  /** The type whose ids are looked for; none for actions. */
  readonly type?: string;
  /** Those that policies name. */
  readonly named: readonly string[];
  readonly questionFor: (id: string) => Question;
  readonly page: { readonly token?: string; readonly limit?: number } | undefined;
}

export interface FoundPage {
  readonly ids: readonly string[];
  /** Empty on the last page. */
  readonly nextToken: string;
}

/** Candidates looked at for one page. A page may hold fewer results than were asked for, and still not be the last. */
const MOST_CANDIDATES = 500;
const DEFAULT_LIMIT = 100;
const DECIDED_AT_ONCE = 50;
/** Actions that this server itself asks about. */
const OWN_ACTIONS = ['delegate', 'invoke', 'issue'];

/**
 * Finds who may do something, what somebody may do it to, and what somebody may do, by deciding for each candidate: those that
 * the organization has, and those that its policies and the installation's name.
 */
@Injectable()
export class AuthzenSearch {
  private readonly cursorKey: Buffer;

  constructor(
    private readonly decisions: PolicyDecisions,
    private readonly sets: PolicySets,
    private readonly facts: EntityFacts,
    private readonly directory: EntityDirectory,
    private readonly audit: AuditLog,
    masterKey: MasterKey,
  ) {
    this.cursorKey = masterKey.derive('list-cursor');
  }

  async subjects(caller: Caller, { page, ...asked }: SubjectSearch): Promise<FoundPage> {
    const { subject, action, resource, context } = asked;
    const named = (await this.sets.of(caller.organizationId))?.named.subjects.get(subject.type) ?? [];
    return this.search(caller, { kind: 'subject', asked, type: subject.type, named, questionFor: (id) => questionOf({ ...subject, id }, action, resource, context), page });
  }

  async resources(caller: Caller, { page, ...asked }: ResourceSearch): Promise<FoundPage> {
    const { subject, action, resource, context } = asked;
    const named = (await this.sets.of(caller.organizationId))?.named.resources.get(resource.type) ?? [];
    return this.search(caller, { kind: 'resource', asked, type: resource.type, named, questionFor: (id) => questionOf(subject, action, { ...resource, id }, context), page });
  }

  async actions(caller: Caller, { page, ...asked }: ActionSearch): Promise<FoundPage> {
    const { subject, resource, context } = asked;
    const named = [...OWN_ACTIONS, ...(await this.sets.of(caller.organizationId))?.named.actions ?? []];
    return this.search(caller, { kind: 'action', asked, named, questionFor: (name) => questionOf(subject, { name }, resource, context), page });
  }

  private async search(caller: Caller, { kind, asked, type, named, questionFor, page = {} }: Search): Promise<FoundPage> {
    const { organizationId } = caller;
    const fingerprint = createHash('sha256').update(canonicalJson([organizationId, kind, asked] as unknown as JsonValue)).digest('base64url');
    const after = page.token ? this.positionOf(page.token, fingerprint) : '';
    const limit = Math.min(page.limit ?? DEFAULT_LIMIT, MOST_RESULTS);
    const { candidates, hasMore } = await this.candidates(caller, type, named, after);
    const found: string[] = [];
    let last = after;
    for (let at = 0; at < candidates.length && found.length < limit; at += DECIDED_AT_ONCE) {
      const some = candidates.slice(at, at + DECIDED_AT_ONCE);
      const requests = await this.facts.completeRequests(organizationId, some.map(questionFor));
      const decisions = await this.decisions.decideAll(requests);
      for (let index = 0; index < some.length && found.length < limit; index += 1) {
        last = some[index]!;
        if (decisions[index]!.isAllowed) found.push(last);
      }
      await turn();
    }
    await this.audit.record({
      type: 'decision.searched', outcome: 'success', organization_id: organizationId, ...doneBy(caller), target: { kind: 'search', id: kind },
      details: { request: redactFields(asked) as JsonValue as { [name: string]: JsonValue }, found: found.length },
    });
    const isLast = !hasMore && (candidates.length === 0 || last === candidates.at(-1));
    return { ids: found, nextToken: isLast ? '' : encodeCursor(this.cursorKey, [last, fingerprint]) };
  }

  /** The next ones, in the order of their bytes, each once. */
  private async candidates({ organizationId }: Caller, type: string | undefined, named: readonly string[], after: string): Promise<{ candidates: string[]; hasMore: boolean }> {
    const known = type === undefined ? [] : await this.directory.list(organizationId, type, after, MOST_CANDIDATES);
    const isCut = known.length === MOST_CANDIDATES;
    const all = [...new Set([...known, ...named.filter((id) => isAfter(id, after) && (!isCut || !isAfter(id, known.at(-1)!)))])].sort((a, b) => (isAfter(a, b) ? 1 : -1));
    return { candidates: all.slice(0, MOST_CANDIDATES), hasMore: isCut || all.length > MOST_CANDIDATES };
  }

  private positionOf(token: string, fingerprint: string): string {
    const [position, of] = decodeCursor(this.cursorKey, token);
    if (position === undefined || of !== fingerprint) throw foreignPageToken();
    return position;
  }
}

/** As the database orders ids: by their bytes. */
function isAfter(one: string, other: string): boolean {
  return Buffer.compare(Buffer.from(one), Buffer.from(other)) > 0;
}
