import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { errors, type Interaction, type InteractionResults } from 'oidc-provider';
import { now } from '../../kernel/clock.js';
import { newId } from '../../kernel/ids.js';
import { parseScope } from '../../kernel/scope-set.js';
import { AuditLog } from '../../modules/audit/audit-log.service.js';
import type { AgentRecord } from '../../modules/agents/agents.service.js';
import type { ClientRecord } from '../../modules/clients/clients.service.js';
import { ClientsService } from '../../modules/clients/clients.service.js';
import type { ConsentGrantId } from '../../modules/tokens/consent-grant.entity.js';
import { ConsentGrants, type NewConsent } from '../../modules/tokens/consent-grants.service.js';
import { signedInAt, SignIn } from '../../modules/users/sign-in.service.js';
import { MasterKey } from '../../platform/crypto/master-key.js';
import { Accounts, type Standpoint } from '../accounts.service.js';
import { ProtocolServer } from '../protocol-server.service.js';
import { agreedConsent, chosenConsent, isNarrower, scopesOf, type ConsentPayload, type MissingConsent } from './consent.js';
import { interactionExpired, interactionForged } from './interactions.errors.js';

/** How long an agreement holds unless it is revoked. Seconds. */
const CONSENT_TTL = 365 * 24 * 3600;

/** One step of signing in that waits for a person. */
export interface Step {
  readonly interaction: Interaction;
  readonly client: ClientRecord;
  readonly csrfToken: string;
}

/** A consent that is about to be asked for or answered. */
export interface ConsentStep extends Step {
  readonly userId: string;
  /** The agent that will act for the person: the client that is one, or the one that it asked for. */
  readonly actor?: AgentRecord;
  /** Undefined when the person does not belong where this client does. */
  readonly standpoint?: Standpoint;
  readonly before?: ConsentPayload;
  readonly after?: ConsentPayload;
}

/**
 * What happens on the sign-in and consent pages. Every step is bound to the browser that began it (the signed interaction
 * cookie names the same step as the address) and to the page that it was shown (the CSRF token).
 */
@Injectable()
export class Interactions {
  private readonly csrfKey: Buffer;

  constructor(
    masterKey: MasterKey,
    private readonly protocol: ProtocolServer,
    private readonly clients: ClientsService,
    private readonly accounts: Accounts,
    private readonly consents: ConsentGrants,
    private readonly signIns: SignIn,
    private readonly audit: AuditLog,
  ) {
    this.csrfKey = masterKey.derive('csrf');
  }

  /** @throws DomainError `interaction_expired` */
  async step(uid: string, request: IncomingMessage, response: ServerResponse): Promise<Step> {
    const interaction = await this.protocol.provider.interactionDetails(request, response).catch((error: unknown) => {
      throw error instanceof errors.SessionNotFound ? interactionExpired(error) : error;
    });
    const client = await this.clients.findCached(String(interaction.params['client_id']));
    if (interaction.uid !== uid || client?.status !== 'active') throw interactionExpired();
    return { interaction, client, csrfToken: this.csrfToken(uid) };
  }

  /** @throws DomainError `interaction_forged` */
  checkForm(step: Step, csrfToken: unknown): void {
    const presented = Buffer.from(typeof csrfToken === 'string' ? csrfToken : '');
    const expected = Buffer.from(step.csrfToken);
    if (presented.length !== expected.length || !timingSafeEqual(presented, expected)) throw interactionForged();
  }

  /**
   * Answers who it is, and where to go next.
   * @throws DomainError `invalid_credentials`, `too_many_sign_ins`, `password_hashing_busy`
   */
  async signIn(step: Step, credentials: { username: string; password: string; source: string }, exchange: Exchange): Promise<{ userId: string; next: string }> {
    if (step.interaction.prompt.name !== 'login') throw interactionExpired();
    const user = await this.signIns.verify(credentials.username, credentials.password, credentials.source, exchange.request.headers.cookie);
    return { userId: user.id, next: await this.finish(exchange, { login: { accountId: user.id, amr: ['pwd'], ts: signedInAt(user) } }) };
  }

  /** What the consent page has to say. */
  async consentStep(step: Step): Promise<ConsentStep> {
    const { interaction, client } = step;
    const userId = interaction.session?.accountId;
    if (interaction.prompt.name !== 'consent' || !userId) throw interactionExpired();
    const standpoint = await this.accounts.standpoint(userId, client);
    if (!standpoint) return { ...step, userId };
    const actor = await this.accounts.actorFor(client, standpoint, interaction.params);
    if (actor === 'unknown') return { ...step, userId };
    const standing = interaction.grantId ? await this.consents.findActive(interaction.grantId) : null;
    const before = standing?.payload as ConsentPayload | undefined;
    return { ...step, userId, standpoint, actor, before, after: agreedConsent(before, missingOf(interaction), standpoint.role, standpoint.graph) };
  }

  /** @param chosen the scopes that the person left ticked; all that the page showed when it is left out */
  async agree(step: ConsentStep, exchange: Exchange, chosen?: ReadonlySet<string>): Promise<string> {
    const { client, standpoint, before, userId, interaction, actor } = step;
    const after = step.after && (chosen ? chosenConsent(step.after, chosen) : step.after);
    if (!standpoint || !after || scopesOf(after).length === 0) return this.refuse(step, exchange, 'not_permitted');
    const details = { scope: scopesOf(after).join(' ') };
    const consent = {
      id: newId<ConsentGrantId>(), organizationId: standpoint.organization.id, clientId: client.id, userId: userId as never,
      payload: after as never, expiresAt: new Date(now() + CONSENT_TTL * 1000), actorId: actor && actor.id as string !== client.id ? actor.id : null, delegate: actor?.id,
    };
    const grantId = await this.settle(before && interaction.grantId, consent, details, isNarrower(before, after));
    return this.finish(exchange, { consent: { grantId } });
  }

  /** Tells the client `access_denied`, and puts it on record. */
  async refuse(step: ConsentStep, exchange: Exchange, reason: 'denied_by_person' | 'not_permitted' | 'not_a_member'): Promise<string> {
    await this.audit.record({
      type: 'consent.refused', outcome: 'refused', organization_id: step.standpoint?.organization.id ?? step.client.organizationId,
      actor: { kind: 'user', id: step.userId, client_id: step.client.id }, subject: step.userId, reason,
      target: { kind: 'client', id: step.client.id }, details: { scope: String(step.interaction.params['scope'] ?? '') },
    });
    return this.finish(exchange, { error: 'access_denied', error_description: REFUSALS[reason] });
  }

  private settle(standing: string | undefined, consent: NewConsent, details: { scope: string }, narrows: boolean): Promise<string> {
    if (!standing) return this.consents.give(consent, details);
    return narrows ? this.consents.replace(standing, consent, details) : this.consents.extend(standing, consent, details);
  }

  private finish({ request, response }: Exchange, result: InteractionResults): Promise<string> {
    return this.protocol.provider.interactionResult(request, response, result, { mergeWithLastSubmission: true });
  }

  private csrfToken(uid: string): string {
    return createHmac('sha256', this.csrfKey).update(uid).digest('base64url');
  }
}

/** The raw request and response, whose cookies the library reads. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const REFUSALS = {
  denied_by_person: 'the person refused',
  not_permitted: 'the role of this person allows nothing of what was asked for',
  not_a_member: 'this person does not belong to the organization of the client',
} as const;

function missingOf(interaction: Interaction): MissingConsent {
  const missing = interaction.prompt.details as MissingConsent;
  if (missing.missingOIDCScope || missing.missingResourceScopes) return missing;
  // Asked again although nothing is missing (prompt=consent, native clients): the whole request is the question.
  return { missingOIDCScope: parseScope(String(interaction.params['scope'] ?? '')).filter((scope) => scope === 'openid') };
}
