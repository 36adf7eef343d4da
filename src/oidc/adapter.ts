import Provider, { errors, type Adapter, type AdapterPayload } from 'oidc-provider';
import { epochSeconds } from '../kernel/clock.js';
import type { ConsentGrants } from '../modules/tokens/consent-grants.service.js';
import type { TokenRevocation } from '../modules/tokens/token-revocation.service.js';
import type { TokenVerifier } from '../modules/tokens/token-verifier.service.js';
import { isHandle, modelPayload } from './presented-token.js';
import type { ProtocolObjects } from './protocol-objects.store.js';
import { protocolActor } from './protocol-actor.js';
import { currentState } from './request-state.js';
import { UsedBefore } from './unit-of-work.js';
import { onTheWire } from './wire-errors.js';

export interface AdapterParts {
  readonly objects: ProtocolObjects;
  readonly consents: ConsentGrants;
  readonly revocation: TokenRevocation;
  readonly verifier: TokenVerifier;
}

/** Where the library keeps each of its models: one adapter a model. */
export function adapterFor(parts: AdapterParts): (model: string) => Adapter {
  return (model) => onTheWireAll(adapterOf(model, parts));
}

function adapterOf(model: string, parts: AdapterParts): Adapter {
  switch (model) {
    case 'AccessToken': return accessTokens(parts);
    case 'Grant': return grants(parts);
    // Our client credentials grant issues access tokens like every other: of this model there are none to look for.
    case 'ClientCredentials': return { ...stored(model, parts), async find() { return undefined; } };
    case 'Interaction': return interactions(parts);
    default: return stored(model, parts);
  }
}

/**
 * Sign-ins that are not finished. The library writes into them what the browser's cookies say: the id of the session, which
 * nobody reads there, and at the end of the address that goes on, their own.
 */
function interactions(parts: AdapterParts): Adapter {
  const adapter = stored('Interaction', parts);
  return {
    ...adapter,
    async upsert(id, payload, ttl) {
      const { cookie: _cookie, ...session } = payload.session as { cookie?: string } ?? {};
      const returnTo = payload['returnTo'] as string;
      await adapter.upsert(id, { ...payload, session: payload.session && session as AdapterPayload['session'], returnTo: returnTo.slice(0, returnTo.length - id.length) }, ttl);
    },
    async find(id) {
      const found = await adapter.find(id);
      return found ? { ...found, returnTo: `${String(found['returnTo'])}${id}` } : undefined;
    },
  };
}

/** Sessions, interactions, codes, refresh tokens, pushed requests. */
function stored(model: string, { objects, verifier }: AdapterParts): Adapter {
  return {
    async upsert(id, payload, ttl) {
      const { work } = currentState() ?? {};
      const ttlSeconds = ttl ?? payload.exp! - epochSeconds();
      if (work) work.saved.push({ model, id, payload, ttlSeconds });
      else await objects.save(model, id, payload, ttlSeconds);
    },
    async find(id) {
      if (isHandle(id)) return undefined;
      const found = await objects.find(model, id);
      const { work } = currentState() ?? {};
      // The library takes every reuse of a refresh token for theft and ends the grant; inside the window it is a retry.
      if (work && model === 'RefreshToken' && Number(found?.['consumed']) + work.replayWindowSeconds > epochSeconds()) throw new UsedBefore();
      // What a refresh token brings goes on with its task.
      if (work && model === 'RefreshToken' && typeof found?.['task_id'] === 'string') {
        Object.assign(currentState()!, { taskId: found['task_id'], isActorProven: found['is_actor_proven'] === true });
      }
      // While it is redeemed, issuance judges what it stands on; whoever else asks is told how it stands.
      if (!work && model === 'RefreshToken' && found) {
        const scope = await verifier.liveScope(String(found['token_id']), String(found['scope'] ?? ''));
        return scope === undefined ? undefined : { ...found, scope } as AdapterPayload;
      }
      return found as AdapterPayload | undefined;
    },
    async findByUid(uid) { return await objects.findByUid(model, uid) as AdapterPayload | undefined; },
    async findByUserCode() { return undefined; },
    async consume(id) {
      const { work } = currentState() ?? {};
      if (work) work.consumed.push({ model, id });
      else if (!await objects.consume(model, id)) throw usedBefore(model);
    },
    async destroy(id) { await objects.remove(model, id); },
    async revokeByGrantId(grantId) { await objects.removeByGrant(model, grantId); },
  };
}

function usedBefore(model: string): Error {
  return model === 'PushedAuthorizationRequest' ? new errors.InvalidRequestUri('request_uri was already used') : new errors.InvalidGrant({ detail: `${model} was used before` });
}

/**
 * Access tokens live in the ledger, which `access-token-format.ts` writes. What is found here are tokens that were presented:
 * a JWT under its one-request handle (introspection, revocation) or as it is (userinfo), an opaque token by its hash.
 * The `jti` of a JWT is no credential: it is not a handle and hashes to nothing.
 */
function accessTokens({ verifier, revocation }: AdapterParts): Adapter {
  return {
    async upsert(id, payload, ttl) { currentState()!.work!.saved.push({ model: 'AccessToken', id, payload, ttlSeconds: ttl ?? 0 }); },
    async find(id) {
      const { presented } = currentState() ?? {};
      if (isHandle(id)) return presented?.handle === id ? modelPayload(presented.claims) : undefined;
      const found = await verifier.findLive(id);
      return found && modelPayload(found.claims, Provider.ctx?.oidc?.route === 'userinfo' ? found.standing : undefined);
    },
    async findByUid() { return undefined; },
    async findByUserCode() { return undefined; },
    async consume() { /* access tokens are not single-use */ },
    async destroy(id) {
      await revocation.revoke(id, protocolActor(), { markDescendants: currentState()?.revokeChildren === true });
    },
    // Tokens of a grant die with the grant: their liveness is derived from it.
    async revokeByGrantId() {},
  };
}

/** Why the library ends a consent, by where it does. At the token endpoint that is the answer to a code or refresh token that comes a second time. */
const ENDED_BY: Readonly<Record<string, string>> = { token: 'token_reused', revocation: 'refresh_token_revoked' };

/** Consents. They are given on the consent page, never by the library. */
function grants({ consents }: AdapterParts): Adapter {
  return {
    async upsert() { throw new TypeError('consents are given by ConsentGrants'); },
    async find(id) {
      const grant = await consents.findActive(id);
      return grant ? {
        ...grant.payload, jti: grant.id, kind: 'Grant', accountId: grant.userId, clientId: grant.clientId,
        exp: Math.floor(grant.expiresAt.getTime() / 1000), iat: Math.floor(grant.createdAt.getTime() / 1000),
      } as AdapterPayload : undefined;
    },
    async findByUid() { return undefined; },
    async findByUserCode() { return undefined; },
    async consume() { /* consents are not single-use */ },
    async destroy(id) { await consents.revoke(id, protocolActor(), ENDED_BY[Provider.ctx?.oidc?.route ?? ''] ?? 'signed_out'); },
    async revokeByGrantId() {},
  };
}

function onTheWireAll(adapter: Adapter): Adapter {
  return {
    upsert: onTheWire(adapter.upsert),
    find: onTheWire(adapter.find),
    findByUid: onTheWire(adapter.findByUid),
    findByUserCode: onTheWire(adapter.findByUserCode),
    consume: onTheWire(adapter.consume),
    destroy: onTheWire(adapter.destroy),
    revokeByGrantId: onTheWire(adapter.revokeByGrantId),
  };
}
