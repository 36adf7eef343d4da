import { z } from 'zod';

/**
 * Every setting, where it comes from, what it means and what it may be. `.env.example` and `docs/configuration.md`
 * are generated from this file; a test compares them.
 */
const seconds = (description: string, fallback: number) => z.coerce.number().int().positive().default(fallback).describe(`${description} Seconds.`);
const flag = (description: string, fallback = false) =>
  z.enum(['1', '0', 'true', 'false']).default(fallback ? '1' : '0').transform((value) => value === '1' || value === 'true').describe(description);

export const environmentSchema = z.object({
  LEGATE_MODE: z.enum(['development', 'production']).default('development')
    .describe('production refuses generated keys, an http issuer, the demo API, and the embedded database unless LEGATE_ALLOW_EMBEDDED=1.'),
  LEGATE_ISSUER: z.url({ protocol: /^https?$/ }).default('http://localhost:3000')
    .describe('The issuer identifier: scheme, host and port under which clients reach this server. No path and no trailing slash. Every URL that leaves the server is built from it.'),
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on. 0.0.0.0 for every interface, as in a container.'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000).describe('Port to listen on.'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info').describe('How much is logged.'),
  LEGATE_LOG_FORMAT: z.enum(['auto', 'json', 'text']).default('auto').describe('auto writes text to a terminal and JSON lines everywhere else.'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional().describe('PostgreSQL 15 or newer. Without it an embedded database lives in LEGATE_DATA_DIR.'),
  LEGATE_DATABASE_POOL: z.coerce.number().int().min(2).max(200).default(10).describe('PostgreSQL connections a process may hold.'),
  LEGATE_DATABASE_TIMEOUT_MS: z.coerce.number().int().min(100).default(5000).describe('How long a query or a wait for a connection may take before the request is refused with 503. Milliseconds.'),
  LEGATE_DATA_DIR: z.string().min(1).default('./data').describe('Folder of the embedded database and of generated development keys.'),
  LEGATE_ALLOW_EMBEDDED: flag('Allows the embedded database in production mode. It does not survive power loss.'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional().describe('Redis, shared by several nodes for sign-in throttling. Without it each node throttles by itself.'),
  LEGATE_MASTER_KEY: z.string().regex(/^[A-Za-z0-9_-]{43}=?$/, 'must be 32 bytes in base64url (make one with: openssl rand 32 | basenc --base64url)').optional()
    .describe('The key that seals signing keys and other stored secrets: 32 random bytes in base64url. Development generates one in LEGATE_DATA_DIR.'),
  LEGATE_MASTER_KEY_FILE: z.string().min(1).optional().describe('File that holds LEGATE_MASTER_KEY, for secret mounts.'),
  LEGATE_BOOTSTRAP_ADMIN_EMAIL: z.email().optional().describe('Unattended install: e-mail of the first platform administrator. Acts only on an empty installation.'),
  LEGATE_BOOTSTRAP_ADMIN_PASSWORD: z.string().min(8).max(256).optional().describe('Unattended install: password of that person.'),
  LEGATE_BOOTSTRAP_CLIENT_SECRET: z.string().min(32).max(256).optional().describe('Unattended install: secret of the confidential client "bootstrap". At least 32 characters.'),
  LEGATE_DEMO_API: flag('Serves the demo API under /api/demo. On by default in development, refused in production.', false).optional(),
  LEGATE_OPEN_REGISTRATION: flag('Lets anybody register an agent, without scopes until someone approves.'),
  LEGATE_TRUSTED_PROXIES: z.coerce.number().int().min(0).max(10).default(0).describe('How many reverse proxies stand in front; their X-Forwarded-For entries name the source address.'),
  LEGATE_ACCESS_TOKEN_TTL: seconds('Lifetime of access tokens whose resource does not set one.', 600),
  LEGATE_REFRESH_TOKEN_TTL: seconds('Lifetime of refresh tokens.', 14 * 24 * 3600),
  LEGATE_REFRESH_REPLAY_WINDOW: z.coerce.number().int().min(0).max(300).default(30)
    .describe('For how long the same refresh token, sent again by the same client, gets the same response again. 0 is strict. Seconds.'),
  LEGATE_SESSION_TTL: seconds('Lifetime of a browser session.', 14 * 24 * 3600),
  LEGATE_SESSION_IDLE_TTL: seconds('A browser session ends after this long without use.', 24 * 3600),
  LEGATE_KEY_ROTATION_DAYS: z.coerce.number().int().min(1).max(3650).default(90).describe('Age at which a signing key is replaced. Days.'),
  LEGATE_JWKS_MAX_AGE: seconds('How long verifiers may cache the JWKS; a new key is published this long before it signs.', 300),
}).strict();

export type Environment = z.infer<typeof environmentSchema>;

/** The settings of one process, checked and typed. Inject it by its class. */
export class Config {
  readonly mode; readonly isProduction: boolean;
  readonly issuer: string;
  /** Identifier (RFC 8707) of this server's own REST API, the default resource of a token request. */
  readonly apiResource: string;
  readonly host; readonly port;
  readonly logLevel; readonly logFormat;
  readonly databaseUrl; readonly databasePool; readonly databaseTimeoutMs;
  readonly dataDir; readonly allowEmbedded;
  readonly redisUrl;
  readonly masterKey; readonly masterKeyFile;
  readonly bootstrap: { readonly adminEmail?: string; readonly adminPassword?: string; readonly clientSecret?: string };
  readonly demoApi: boolean;
  readonly openRegistration; readonly trustedProxies;
  readonly accessTokenTtl; readonly refreshTokenTtl; readonly refreshReplayWindow;
  readonly sessionTtl; readonly sessionIdleTtl;
  readonly keyRotationDays; readonly jwksMaxAge;

  constructor(environment: Environment) {
    this.mode = environment.LEGATE_MODE;
    this.isProduction = environment.LEGATE_MODE === 'production';
    this.issuer = environment.LEGATE_ISSUER;
    this.apiResource = `${environment.LEGATE_ISSUER}/api`;
    this.host = environment.HOST;
    this.port = environment.PORT;
    this.logLevel = environment.LOG_LEVEL;
    this.logFormat = environment.LEGATE_LOG_FORMAT;
    this.databaseUrl = environment.DATABASE_URL;
    this.databasePool = environment.LEGATE_DATABASE_POOL;
    this.databaseTimeoutMs = environment.LEGATE_DATABASE_TIMEOUT_MS;
    this.dataDir = environment.LEGATE_DATA_DIR;
    this.allowEmbedded = environment.LEGATE_ALLOW_EMBEDDED;
    this.redisUrl = environment.REDIS_URL;
    this.masterKey = environment.LEGATE_MASTER_KEY;
    this.masterKeyFile = environment.LEGATE_MASTER_KEY_FILE;
    this.bootstrap = {
      adminEmail: environment.LEGATE_BOOTSTRAP_ADMIN_EMAIL?.toLowerCase(),
      adminPassword: environment.LEGATE_BOOTSTRAP_ADMIN_PASSWORD,
      clientSecret: environment.LEGATE_BOOTSTRAP_CLIENT_SECRET,
    };
    this.demoApi = environment.LEGATE_DEMO_API ?? environment.LEGATE_MODE === 'development';
    this.openRegistration = environment.LEGATE_OPEN_REGISTRATION;
    this.trustedProxies = environment.LEGATE_TRUSTED_PROXIES;
    this.accessTokenTtl = environment.LEGATE_ACCESS_TOKEN_TTL;
    this.refreshTokenTtl = environment.LEGATE_REFRESH_TOKEN_TTL;
    this.refreshReplayWindow = environment.LEGATE_REFRESH_REPLAY_WINDOW;
    this.sessionTtl = environment.LEGATE_SESSION_TTL;
    this.sessionIdleTtl = environment.LEGATE_SESSION_IDLE_TTL;
    this.keyRotationDays = environment.LEGATE_KEY_ROTATION_DAYS;
    this.jwksMaxAge = environment.LEGATE_JWKS_MAX_AGE;
  }
}
