import { join } from 'node:path';
import { z } from 'zod';
import {
  connectionUrl, dependentFlag, emailAddress, file, flag, folder, hostList, issuerUrl, listenAddress, name, oneOf, outboundUrl, percentages, quotas, seconds, secretKey, secretText, wholeNumber,
} from './setting.js';

const DAY = 24 * 3600;
const DEFAULT_SCOPES_FILE = 'config/scopes.yaml';

/**
 * Every setting, where it comes from, what it means and what it may be. `.env.example` and `docs/configuration.md`
 * are generated from this list; a test compares them.
 */
export const settingGroups = {
  'Where clients reach it': {
    LEGATE_MODE: oneOf('production refuses generated keys, an http issuer, the demo API, and the embedded database unless LEGATE_ALLOW_EMBEDDED=1.', ['development', 'production'], 'development'),
    LEGATE_ISSUER: issuerUrl('The issuer identifier: scheme, host and port under which clients reach this server. No path and no trailing slash. Every URL that leaves the server is built from it.', 'http://localhost:3000'),
    LEGATE_ALLOWED_HOSTS: hostList('Further values of the Host header to answer, e.g. the name inside a cluster. Development also answers loopback names.'),
    HOST: listenAddress('Address to listen on. 0.0.0.0 for every interface, as in a container.', '127.0.0.1'),
    PORT: wholeNumber('Port to listen on. 0 takes a free one.', { min: 0, max: 65_535, fallback: 3000 }),
    LEGATE_TRUSTED_PROXIES: wholeNumber('How many reverse proxies stand in front. Their X-Forwarded-For entries name the source address and their X-Request-Id names the request. With 0 neither header is believed.', { min: 0, max: 10, fallback: 0 }),
  },
  'Data': {
    DATABASE_URL: connectionUrl('PostgreSQL 15 or newer. Without it an embedded database lives in LEGATE_DATA_DIR.', /^postgres(ql)?$/, 'a URL such as postgres://user:password@host:5432/legate'),
    LEGATE_DATABASE_POOL: wholeNumber('PostgreSQL connections a process may hold.', { min: 2, max: 200, fallback: 10 }),
    LEGATE_DATABASE_TIMEOUT_MS: wholeNumber('How long a query or a wait for a connection may take before the request is refused with 503. Milliseconds.', { min: 100, max: 600_000, fallback: 5000 }),
    LEGATE_DATA_DIR: folder('Folder of the embedded database and of generated development keys.', './data'),
    LEGATE_POLICIES_DIR: folder('Folder of the policies of the installation: every .yaml file in it. It is read again when it changes; each node reads its own. Where it is missing, the built-in policies are in force; where it is empty, nothing is allowed.', './config/policies'),
    LEGATE_ALLOW_EMBEDDED: flag('Allows the embedded database in production mode. It does not survive power loss.'),
    REDIS_URL: connectionUrl('Redis, shared by several nodes for what they limit. Without it each node limits by itself; when it is lost, each node limits by itself, to half.', /^rediss?$/, 'a URL such as redis://host:6379 or rediss://user:password@host:6379'),
  },
  'Secrets': {
    LEGATE_MASTER_KEY: secretKey('The key that seals signing keys and other stored secrets: 32 random bytes in base64url. Development generates one in LEGATE_DATA_DIR.'),
    LEGATE_MASTER_KEY_FILE: file('File that holds the master key, for secret mounts. Instead of LEGATE_MASTER_KEY.'),
    LEGATE_KEY_ROTATION_DAYS: wholeNumber('Age at which a signing key is replaced. Days.', { min: 1, max: 3650, fallback: 90 }),
    LEGATE_JWKS_MAX_AGE: seconds('How long verifiers may cache the JWKS; a new key is published this long before it signs.', 300),
  },
  'Evidence': {
    LEGATE_AUDIT_CHECKPOINT_FILE: file('File to which each node appends the signed checkpoints of the audit log. Put it where whoever may change the database may not write.', 'audit-checkpoints in LEGATE_DATA_DIR'),
    LEGATE_AUDIT_CHECKPOINT_EVENTS: wholeNumber('After how many events the audit log is signed, at the latest.', { min: 1, max: 1_000_000, fallback: 1000 }),
    LEGATE_AUDIT_CHECKPOINT_SECONDS: seconds('How long after a signed event the next one is signed, at the latest.', 10),
    LEGATE_AUDIT_RETENTION_DAYS: wholeNumber('For how many days an organization that says nothing else keeps the texts of its audit events; the installation keeps its own for as long. Their hashes stay, so that the log can still be proven.', { min: 30, max: 36_500, fallback: 36_500 }),
    LEGATE_AUDIT_WEBHOOK_URL: outboundUrl('Where each checkpoint is sent as well, by POST.'),
    LEGATE_AUDIT_WEBHOOK_TOKEN: secretText('Bearer token for it.', { min: 16, max: 4096 }),
    LEGATE_AUDIT_OBJECT_URL: outboundUrl('Object store in which each checkpoint becomes an object as well, by PUT: the URL of a bucket, or of a folder in one.'),
    LEGATE_AUDIT_OBJECT_REGION: name('Region of the object store, for signatures of AWS version 4.', 'us-east-1'),
    LEGATE_AUDIT_OBJECT_ACCESS_KEY_ID: secretText('Access key of the object store. Without it requests are not signed.', { min: 3, max: 128 }),
    LEGATE_AUDIT_OBJECT_SECRET_ACCESS_KEY: secretText('Secret of that access key.', { min: 8, max: 256 }),
  },
  'First start': {
    LEGATE_BOOTSTRAP_ADMIN_EMAIL: emailAddress('Unattended install: e-mail of the first platform administrator. Acts only on an empty installation.'),
    LEGATE_BOOTSTRAP_ADMIN_PASSWORD: secretText('Unattended install: password of that person.', { min: 8, max: 256 }),
    LEGATE_BOOTSTRAP_CLIENT_SECRET: secretText('Unattended install: secret of the confidential client "bootstrap", which may do everything in the first organization.', { min: 32, max: 256 }),
  },
  'Features': {
    LEGATE_DEMO_API: dependentFlag('Serves the demo API under /api/demo. Refused in production.', '1 in development, 0 in production'),
    LEGATE_OPEN_REGISTRATION: flag('Lets anybody register an agent, without scopes until someone approves.'),
  },
  'Authority': {
    LEGATE_UNUSED_CLIENT_DAYS: wholeNumber('After how many days without any use an application or agent is ended, unless a consent or a delegation still waits for it. 0: never. GET /api/admin/clients/unused shows which these are.', { min: 0, max: 3650, fallback: 0 }),
    LEGATE_DELEGATION_DEPTH: wholeNumber('How many agents a chain of delegations may have, from the principal to the last one that acts.', { min: 1, max: 20, fallback: 5 }),
  },
  'Limits of agents': {
    LEGATE_LIMIT_ALERTS: percentages('At which shares of a limit it is recorded that so much is used, once in each of its windows. Per cent.', [50, 80, 100]),
    LEGATE_USAGE_HISTORY_DAYS: wholeNumber('For how long the usage of agents, hour by hour, is kept. Days.', { min: 1, max: 3650, fallback: 400 }),
  },
  'Limits of requests': {
    LEGATE_RATE_LIMIT_TOKEN: quotas('Limits of getting and ending tokens: the token, pushed request and revocation endpoints, /api/auth/login and /api/auth/refresh. A request counts for the client or user that proves to have made it, and for their organization; one that proves nothing counts for its source, an IPv4 address or an IPv6 /64.', { source: 3000, client: 600_000, user: 6000, organization: 1_200_000 }),
    LEGATE_RATE_LIMIT_VERIFICATION: quotas('Limits of asking about tokens and decisions: introspection, userinfo, /api/oauth/verify and its kin, /access/v1. As above.', { source: 3000, client: 3_000_000, user: 6000, organization: 6_000_000 }),
    LEGATE_RATE_LIMIT_PAGES: quotas('Limits of the pages for people: authorization, sign-in, consent, sign-out, setup. Guessing passwords has limits of its own.', { source: 6000 }),
    LEGATE_RATE_LIMIT_REGISTRATION: quotas('Limits of registering and activating agents, and of setting up the installation, for those who do not prove who they are. Everybody else is under the limits of writing.', { source: 600 }),
    LEGATE_RATE_LIMIT_READ: quotas('Limits of reading over the REST API, and of the documents that clients find this server by.', { source: 6000, client: 300_000, user: 12_000, organization: 600_000 }),
    LEGATE_RATE_LIMIT_WRITE: quotas('Limits of changing something over the REST API.', { source: 3000, client: 300_000, user: 6000, organization: 600_000 }),
  },
  'Files that people edit': {
    LEGATE_SCOPES_FILE: file('Scopes of the whole installation (YAML), read at the start and whenever they change. A file that is named here has to be there.', `${DEFAULT_SCOPES_FILE} if there is one`),
  },
  'Lifetimes': {
    LEGATE_ACCESS_TOKEN_TTL: seconds('Lifetime of access tokens whose resource does not set one.', 600),
    LEGATE_STATUS_LIST_TTL: wholeNumber('For how long verifiers may keep the status list that tells whether a JWT access token has ended, before they ask for it again. With 0 tokens name no list. Seconds.', { min: 0, max: 3600, fallback: 1 }),
    LEGATE_LOGIN_TTL: seconds('For how long after an agent logged in (/api/auth/login) its access tokens may be renewed (/api/auth/refresh).', 12 * 3600),
    LEGATE_REFRESH_TOKEN_TTL: seconds('Lifetime of refresh tokens.', 14 * DAY),
    LEGATE_REFRESH_REPLAY_WINDOW: wholeNumber('For how long the same refresh token, sent again by the same client, gets the same response again. 0 is strict. Seconds.', { min: 0, max: 300, fallback: 30 }),
    LEGATE_SESSION_TTL: seconds('Lifetime of a browser session.', 14 * DAY),
    LEGATE_SESSION_IDLE_TTL: seconds('A browser session ends after this long without use. Never later than LEGATE_SESSION_TTL.', DAY),
  },
  'Observing it': {
    LOG_LEVEL: oneOf('How much is logged. Each level includes those before it; silent logs nothing.', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'info'),
    LEGATE_LOG_FORMAT: oneOf('auto writes text to a terminal and JSON lines everywhere else.', ['auto', 'json', 'text'], 'auto'),
    LEGATE_ACCESS_LOG: oneOf('all logs every request (successful probes of /health and /metrics only at debug), errors those that end with a status of 400 or above, off none.', ['all', 'errors', 'off'], 'all'),
    LEGATE_METRICS_TOKEN: secretText('Bearer token that /metrics asks for. Without it only this machine may read /metrics, directly and not through a proxy.', { min: 16, max: 256 }),
  },
};

export const environmentSchema = z.object({
  ...settingGroups['Where clients reach it'],
  ...settingGroups.Data,
  ...settingGroups.Secrets,
  ...settingGroups.Evidence,
  ...settingGroups['First start'],
  ...settingGroups.Features,
  ...settingGroups.Authority,
  ...settingGroups['Limits of agents'],
  ...settingGroups['Limits of requests'],
  ...settingGroups['Files that people edit'],
  ...settingGroups.Lifetimes,
  ...settingGroups['Observing it'],
}).strict();

export type Environment = z.infer<typeof environmentSchema>;

/** The settings of one process, checked and typed. Inject it by its class; `loadConfig` makes it. */
export class Config {
  readonly mode; readonly isProduction: boolean;
  readonly issuer: string;
  /** Identifier (RFC 8707) of this server's own REST API, the default resource of a token request. */
  readonly apiResource: string;
  /** Host, with its port unless it is the default one, and scheme of the issuer. */
  readonly issuerHost: string; readonly issuerScheme: 'http' | 'https';
  /** Values of the Host header that this server answers to, lower-case. */
  readonly hosts: ReadonlySet<string>;
  readonly host; readonly port;
  readonly logLevel; readonly logFormat; readonly accessLog;
  readonly metricsToken;
  readonly databaseUrl; readonly databasePool; readonly databaseTimeoutMs;
  readonly dataDir; readonly policiesDir; readonly allowEmbedded;
  readonly redisUrl;
  readonly masterKey; readonly masterKeyFile;
  readonly auditCheckpointFile: string; readonly auditCheckpointEvents; readonly auditCheckpointSeconds; readonly auditRetentionDays;
  readonly auditWebhook: { readonly url: string; readonly token?: string } | undefined;
  readonly auditObjects: { readonly url: string; readonly region: string; readonly accessKeyId?: string; readonly secretAccessKey?: string } | undefined;
  readonly bootstrap: { readonly adminEmail?: string; readonly adminPassword?: string; readonly clientSecret?: string };
  readonly demoApi: boolean;
  /** Defines scopes for all organizations. Only one that the operator named has to be there. */
  readonly scopesFile: { readonly path: string; readonly isNamed: boolean };
  readonly openRegistration; readonly trustedProxies;
  readonly delegationDepth; readonly unusedClientDays;
  readonly limitAlerts: readonly number[]; readonly usageHistoryDays;
  /** 0 when tokens name no status list. */
  readonly statusListTtl;
  /** Requests a minute, by class of endpoint and by party; 0 where there is no limit. */
  readonly rateLimits;
  readonly accessTokenTtl; readonly loginTtl; readonly refreshTokenTtl; readonly refreshReplayWindow;
  readonly sessionTtl; readonly sessionIdleTtl: number;
  readonly keyRotationDays; readonly jwksMaxAge;

  constructor(environment: Environment) {
    this.mode = environment.LEGATE_MODE;
    this.isProduction = environment.LEGATE_MODE === 'production';
    this.issuer = environment.LEGATE_ISSUER;
    this.apiResource = `${environment.LEGATE_ISSUER}/api`;
    const { host, protocol } = new URL(environment.LEGATE_ISSUER);
    this.issuerHost = host;
    this.issuerScheme = protocol === 'https:' ? 'https' : 'http';
    this.hosts = answeredHosts(environment);
    this.host = environment.HOST;
    this.port = environment.PORT;
    this.logLevel = environment.LOG_LEVEL;
    this.logFormat = environment.LEGATE_LOG_FORMAT;
    this.accessLog = environment.LEGATE_ACCESS_LOG;
    this.metricsToken = environment.LEGATE_METRICS_TOKEN;
    this.databaseUrl = environment.DATABASE_URL;
    this.databasePool = environment.LEGATE_DATABASE_POOL;
    this.databaseTimeoutMs = environment.LEGATE_DATABASE_TIMEOUT_MS;
    this.dataDir = environment.LEGATE_DATA_DIR;
    this.policiesDir = environment.LEGATE_POLICIES_DIR;
    this.allowEmbedded = environment.LEGATE_ALLOW_EMBEDDED;
    this.redisUrl = environment.REDIS_URL;
    this.masterKey = environment.LEGATE_MASTER_KEY;
    this.masterKeyFile = environment.LEGATE_MASTER_KEY_FILE;
    this.auditCheckpointFile = environment.LEGATE_AUDIT_CHECKPOINT_FILE ?? join(environment.LEGATE_DATA_DIR, 'audit-checkpoints');
    this.auditRetentionDays = environment.LEGATE_AUDIT_RETENTION_DAYS;
    this.auditCheckpointEvents = environment.LEGATE_AUDIT_CHECKPOINT_EVENTS;
    this.auditCheckpointSeconds = environment.LEGATE_AUDIT_CHECKPOINT_SECONDS;
    this.auditWebhook = environment.LEGATE_AUDIT_WEBHOOK_URL === undefined
      ? undefined : { url: environment.LEGATE_AUDIT_WEBHOOK_URL, token: environment.LEGATE_AUDIT_WEBHOOK_TOKEN };
    this.auditObjects = environment.LEGATE_AUDIT_OBJECT_URL === undefined ? undefined : {
      url: environment.LEGATE_AUDIT_OBJECT_URL, region: environment.LEGATE_AUDIT_OBJECT_REGION,
      accessKeyId: environment.LEGATE_AUDIT_OBJECT_ACCESS_KEY_ID, secretAccessKey: environment.LEGATE_AUDIT_OBJECT_SECRET_ACCESS_KEY,
    };
    this.bootstrap = {
      adminEmail: environment.LEGATE_BOOTSTRAP_ADMIN_EMAIL?.toLowerCase(),
      adminPassword: environment.LEGATE_BOOTSTRAP_ADMIN_PASSWORD,
      clientSecret: environment.LEGATE_BOOTSTRAP_CLIENT_SECRET,
    };
    this.demoApi = environment.LEGATE_DEMO_API ?? environment.LEGATE_MODE === 'development';
    this.scopesFile = { path: environment.LEGATE_SCOPES_FILE ?? DEFAULT_SCOPES_FILE, isNamed: environment.LEGATE_SCOPES_FILE !== undefined };
    this.openRegistration = environment.LEGATE_OPEN_REGISTRATION;
    this.delegationDepth = environment.LEGATE_DELEGATION_DEPTH;
    this.unusedClientDays = environment.LEGATE_UNUSED_CLIENT_DAYS;
    this.limitAlerts = environment.LEGATE_LIMIT_ALERTS;
    this.usageHistoryDays = environment.LEGATE_USAGE_HISTORY_DAYS;
    this.rateLimits = {
      token: environment.LEGATE_RATE_LIMIT_TOKEN, verification: environment.LEGATE_RATE_LIMIT_VERIFICATION, pages: environment.LEGATE_RATE_LIMIT_PAGES,
      registration: environment.LEGATE_RATE_LIMIT_REGISTRATION, read: environment.LEGATE_RATE_LIMIT_READ, write: environment.LEGATE_RATE_LIMIT_WRITE,
    };
    this.trustedProxies = environment.LEGATE_TRUSTED_PROXIES;
    this.accessTokenTtl = environment.LEGATE_ACCESS_TOKEN_TTL;
    this.statusListTtl = environment.LEGATE_STATUS_LIST_TTL;
    this.loginTtl = environment.LEGATE_LOGIN_TTL;
    this.refreshTokenTtl = environment.LEGATE_REFRESH_TOKEN_TTL;
    this.refreshReplayWindow = environment.LEGATE_REFRESH_REPLAY_WINDOW;
    this.sessionTtl = environment.LEGATE_SESSION_TTL;
    this.sessionIdleTtl = Math.min(environment.LEGATE_SESSION_IDLE_TTL, environment.LEGATE_SESSION_TTL);
    this.keyRotationDays = environment.LEGATE_KEY_ROTATION_DAYS;
    this.jwksMaxAge = environment.LEGATE_JWKS_MAX_AGE;
  }
}

function answeredHosts({ LEGATE_ISSUER, LEGATE_ALLOWED_HOSTS, LEGATE_MODE, PORT }: Environment): ReadonlySet<string> {
  const loopback = LEGATE_MODE === 'development' ? ['localhost', '127.0.0.1', '[::1]'].map((name) => `${name}:${PORT}`) : [];
  return new Set([new URL(LEGATE_ISSUER).host, ...LEGATE_ALLOWED_HOSTS, ...loopback]);
}
