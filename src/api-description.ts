import { API_SCOPES } from './modules/organizations/roles.js';
import { DEMO_SCOPES } from './modules/scopes/built-in-scopes.js';
import type { Config } from './platform/config/config.js';
import type { OpenApiOptions } from './platform/http/openapi.js';

const IDENTITY_SCOPES = {
  openid: 'Sign in (OpenID Connect).',
  profile: 'See the name of the person who signs in.',
  email: 'See the e-mail address of the person who signs in.',
  offline_access: 'Stay connected when the person is away (a refresh token that outlives the session).',
};

const TAGS = {
  'quick start': 'An agent and its first token in two calls.',
  agents: 'Identities of AI agents: register, activate, suspend, and secrets that overlap while they rotate.',
  clients: 'OAuth clients other than agents: applications, and resource servers that introspect tokens.',
  tools: 'What agents may call, with what arguments, and at what cost.',
  resources: 'APIs and MCP servers that accept the tokens of this server.',
  scopes: 'What can be asked for.',
  delegations: 'Who has let which agent act for them, how far, and who it handed on to.',
  tasks: 'What agents are at, and everything that belongs to it.',
  usage: 'What agents may use, what they have used, and reservations before they use more.',
  oauth: 'What resource servers ask about a token, beside introspection.',
  'status lists': 'Which tokens have ended, for resource servers that do not want to ask about each (Token Status List).',
  decisions: 'OpenID AuthZEN 1.0: whoever enforces decisions asks for them here.',
  policies: 'Rules about who may do what, when; why they decide as they do, and what another one would change.',
  users: 'People; your own account, and what you have allowed applications and agents to do.',
  organizations: 'Tenants, their members, and the enrolment of agents.',
  signals: 'OpenID Shared Signals 1.0: whoever accepts tokens of this server is told here that they ended.',
  audit: 'Who did what, for whom, and why it was allowed or refused.',
  'kill switches': 'End an agent, a task, a person, an organization or the past, with everything below it; look first at what that is.',
  admin: 'Tokens and signing keys, for those who run the server.',
  demo: 'A protected API to try a token on. Not there in production.',
  setup: 'The first start.',
  health: 'For load balancers and supervisors.',
};

/** What the description of the API says beyond its routes. */
export function apiDescription({ demoApi }: Pick<Config, 'demoApi'>): OpenApiOptions {
  return { scopeDescriptions: { ...IDENTITY_SCOPES, ...API_SCOPES, ...(demoApi && DEMO_SCOPES) }, tagDescriptions: TAGS };
}
