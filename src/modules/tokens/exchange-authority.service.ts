import { Injectable } from '@nestjs/common';
import { canonicalJson, type JsonValue } from '../../kernel/canonical-json.js';
import type { ScopeGraph } from '../../kernel/scope-graph.js';
import { parseScope } from '../../kernel/scope-set.js';
import { Config } from '../../platform/config/config.js';
import type { Role } from '../../platform/http/caller.js';
import type { ClientRecord } from '../clients/clients.service.js';
import { actedBy, actorsOf, readActorChain, type ActorChain } from '../delegation/delegation-chain.js';
import { DelegationGrants, type DelegationPath } from '../delegation/delegation-grants.service.js';
import { roleAllows } from '../organizations/roles.js';
import type { ResolvedResource } from '../resources/resources.service.js';
import { authorizedScopes } from './authorized-scopes.js';
import { lastOf } from './delegation-facts.js';
import { OnBehalf } from './on-behalf.service.js';
import { assertRoomBelow, TokenLineage, type ParentToken } from './token-lineage.service.js';
import { exchangeMalformed, exchangeRefused, scopesBeyondAuthority, targetBeyondAuthority } from './tokens.errors.js';

/** Whose token is exchanged, and who asks. */
export interface ExchangeParties {
  readonly subject: ParentToken;
  /** Those who acted with the subject token so far. */
  readonly acted?: ActorChain;
  /** Does the requester hold the subject token in its own right, so that it only wants less of what it has? */
  readonly isSelf: boolean;
}

export interface ExchangeTerms extends ExchangeParties {
  readonly path?: DelegationPath;
  readonly act?: ActorChain;
  readonly role?: Role;
  readonly scopes: readonly string[];
  readonly authorizationDetails?: JsonValue;
}

export interface ExchangeWish {
  readonly graph: ScopeGraph;
  readonly resource: ResolvedResource;
  readonly requested: readonly string[];
  readonly delegationGrantId?: string;
}

/** Who may exchange which token, by what, and for what (RFC 8693 sections 2.1, 2.2.2, 4.1 and 4.4). */
@Injectable()
export class ExchangeAuthority {
  constructor(
    private readonly config: Config,
    private readonly lineage: TokenLineage,
    private readonly delegations: DelegationGrants,
    private readonly onBehalf: OnBehalf,
  ) {}

  /**
   * @throws DomainError `invalid_request` when a token is not acceptable (section 2.2.2), `access_denied` when the requester is not the actor
   */
  async parties(client: ClientRecord, subjectToken: string, actorToken: string | undefined): Promise<ExchangeParties> {
    const organizationId = client.organizationId!;
    const subject = await this.lineage.present(subjectToken, organizationId);
    if (!subject) throw exchangeMalformed('The subject token is not an access token of this server that is alive and known to this client.');
    const acted = this.chainOf(subject);
    assertRoomBelow(subject);
    const named = subject.claims['may_act'] as { sub?: unknown } | undefined;
    if (actorToken !== undefined) await this.assertActor(client, organizationId, actorToken);
    const isSelf = subject.claims.client_id === client.id;
    if (named === undefined || isSelf) return { subject, acted, isSelf };
    // The person named who may act with it (section 4.4): that agent, with a proof that it is there, and nobody else.
    if (named.sub !== client.id) throw exchangeRefused('somebody else was named to act with this token');
    if (actorToken === undefined) throw exchangeRefused('the agent that was named to act has to prove itself with an actor token');
    return { subject, acted, isSelf };
  }

  /** @throws DomainError `access_denied`, `invalid_scope`, `invalid_target`, `invalid_grant` */
  async terms(client: ClientRecord, parties: ExchangeParties, wish: ExchangeWish): Promise<ExchangeTerms> {
    const { subject, acted, isSelf } = parties;
    const path = isSelf && wish.delegationGrantId === undefined ? undefined : await this.pathTo(client, parties, wish);
    this.assertTarget(subject, path, wish.resource);
    const act = path ? actedBy(client.id, acted) : acted;
    if (actorsOf(act).length > this.config.delegationDepth) throw exchangeRefused(`more than ${this.config.delegationDepth} agents would act one after another`);
    const role = subject.claims.role as Role | undefined;
    const isPerson = subject.row.userId !== null;
    const holders = [client.scopes, wish.resource.scopes, new Set(parseScope(subject.claims.scope)), ...(path ? [new Set(lastOf(path).scopes)] : [])];
    const made = authorizedScopes(wish.graph, holders, wish.requested, (name) => !isPerson || role === undefined || roleAllows(role, name));
    if ('refused' in made) throw scopesBeyondAuthority(made.refused);
    if (made.scopes.length === 0) throw scopesBeyondAuthority([]);
    return {
      ...parties, path, act, scopes: made.scopes, role: isPerson ? role : undefined,
      authorizationDetails: path ? detailsOf(path) : subject.claims['authorization_details'] as JsonValue | undefined,
    };
  }

  /** The chain that a token names, if it is one, and the one that the ledger knows. */
  private chainOf({ claims, row }: ParentToken): ActorChain | undefined {
    if (claims.act === undefined && row.act === null) return undefined;
    const chain = readActorChain(claims.act, this.config.delegationDepth);
    if (!chain || row.act === null || canonicalJson(chain as unknown as JsonValue) !== canonicalJson(row.act as JsonValue)) {
      throw exchangeMalformed('The subject token names a chain of actors that is none, or not its own.');
    }
    return chain;
  }

  /** The actor token is a live token of the requester's own, got in its own right. */
  private async assertActor(client: ClientRecord, organizationId: string, actorToken: string): Promise<void> {
    const actor = await this.lineage.present(actorToken, organizationId);
    if (!actor) throw exchangeMalformed('The actor token is not an access token of this server that is alive and known to this client.');
    if (actor.claims.act !== undefined || actor.claims.sub !== actor.claims.client_id) throw exchangeRefused('whoever acts for somebody else cannot stand as the actor');
    if (actor.claims.sub !== client.id) throw exchangeRefused('the requester is not the actor');
  }

  /**
   * The delegation by which the client may act with the subject token: one from whoever acted last, handed on from what that was
   * done by, or one from whoever the token speaks for.
   */
  private async pathTo(client: ClientRecord, parties: ExchangeParties, { graph, requested, delegationGrantId }: ExchangeWish): Promise<DelegationPath> {
    if (client.kind !== 'agent') throw exchangeRefused('only agents act for others');
    const { subject: { claims, row }, acted } = parties;
    const fits = (path: DelegationPath) => (path.length > 1
      ? lastOf(path).principalId === acted?.sub && lastOf(path).parentGrantId === row.delegationGrantId
      : lastOf(path).principalId === claims.sub);
    if (delegationGrantId !== undefined) {
      const path = await this.onBehalf.path(delegationGrantId, client);
      if (!fits(path)) throw exchangeRefused('the delegation is not one from whom the subject token speaks for, or from who acts with it');
      return path;
    }
    const delegators = new Set([...(acted ? [acted.sub] : []), claims.sub]);
    const found = (await Promise.all([...delegators].map((delegator) => this.delegations.between(row.organizationId, delegator, client.id)))).flat();
    const paths: DelegationPath[] = [];
    for (const id of found) {
      const path = await this.onBehalf.path(id, client).catch(() => undefined);
      if (path && fits(path)) paths.push(path);
    }
    // Of several the newest that reaches far enough; failing that, the newest, whose bounds the refusal then names.
    const enough = paths.find((path) => graph.uncovered(new Set(lastOf(path).scopes), requested).length === 0);
    const path = enough ?? paths[0];
    if (!path) throw exchangeRefused('nobody delegated this to the requester');
    return path;
  }

  /** The audience of what it came from, or a place that the delegation names. */
  private assertTarget({ claims }: ParentToken, path: DelegationPath | undefined, { identifier }: ResolvedResource): void {
    const named = path && lastOf(path).resources;
    if (named) this.onBehalf.assertReaches(path, identifier);
    else if (identifier !== claims.aud) throw targetBeyondAuthority();
  }
}

function detailsOf(path: DelegationPath): JsonValue | undefined {
  const { authorizationDetails } = lastOf(path);
  return authorizationDetails.length > 0 ? authorizationDetails as readonly JsonValue[] : undefined;
}
