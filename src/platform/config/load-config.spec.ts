import { environmentSchema, settingGroups } from './config.js';
import { ConfigurationError, loadConfig } from './load-config.js';
import { settings } from './setting.js';

const MASTER_KEY = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA';
const PRODUCTION = {
  LEGATE_MODE: 'production', LEGATE_ISSUER: 'https://auth.example.com', DATABASE_URL: 'postgres://legate:pw@db/legate', LEGATE_MASTER_KEY: MASTER_KEY,
};

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('starts a development server on localhost when nothing is set', () => {
    expect(loadConfig({})).toMatchObject({
      mode: 'development', isProduction: false, issuer: 'http://localhost:3000', apiResource: 'http://localhost:3000/api', host: '127.0.0.1', port: 3000,
      demoApi: true, openRegistration: false, databaseUrl: undefined, trustedProxies: 0, accessTokenTtl: 600, logLevel: 'info', accessLog: 'all',
    });
  });

  it('counts a blank variable as one that is not set', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: '  ', LEGATE_ISSUER: '' })).toMatchObject({ port: 3000, databaseUrl: undefined, issuer: 'http://localhost:3000' });
  });

  it('names every problem at once, one sentence each', () => {
    expect(problemsOf({ PORT: '99999', LOG_LEVEL: 'loud', LEGATE_ISUER: 'https://a.example', LEGATE_OPEN_REGISTRATION: 'yes', LEGATE_ISSUER: 'https://a.example/tenant' })).toEqual([
      'LEGATE_ISUER is not a setting; did you mean LEGATE_ISSUER?',
      'LEGATE_ISSUER holds a path, but must be scheme, host and port alone, such as https://auth.example.com.',
      'PORT is "99999", but must be a whole number from 0 to 65535.',
      'LEGATE_OPEN_REGISTRATION is "yes", but must be 1 or 0 (or true or false).',
      'LOG_LEVEL is "loud", but must be one of fatal, error, warn, info, debug, trace, silent.',
    ]);
  });

  it('never repeats the value of a secret', () => {
    const message = problemsOf({
      DATABASE_URL: 'mysql://root:hunter2@db/x', REDIS_URL: 'http://:hunter2@cache', LEGATE_MASTER_KEY: 'hunter2', LEGATE_METRICS_TOKEN: 'hunter2',
      LEGATE_BOOTSTRAP_ADMIN_EMAIL: 'a@example.com', LEGATE_BOOTSTRAP_ADMIN_PASSWORD: 'hunter2', LEGATE_BOOTSTRAP_CLIENT_SECRET: 'hunter2',
      LEGATE_ISSUER: 'https://root:hunter2@auth.example.com', LEGATE_SECRET_KEY: 'hunter2',
    });
    expect(message).toHaveLength(8);
    expect(message.join('\n')).not.toContain('hunter2');
  });

  it.each(['1e3', '0x10', '-1', '3.5', ' 3000', '99999999999'])('refuses %j where a whole number is wanted', (value) => {
    expect(problemsOf({ PORT: value })).toEqual([`PORT is ${JSON.stringify(value)}, but must be a whole number from 0 to 65535.`]);
  });

  it('takes limits name by name, and keeps the defaults of those that are not named', () => {
    const { rateLimits } = loadConfig({ LEGATE_RATE_LIMIT_TOKEN: 'client=5,source=off', LEGATE_RATE_LIMIT_PAGES: 'off' });
    expect(rateLimits.token).toEqual({ source: 0, client: 5, user: 6000, organization: 1_200_000 });
    expect([rateLimits.pages, rateLimits.registration]).toEqual([{ source: 0 }, { source: 600 }]);
  });

  it.each(['5', 'source', 'source=', 'source=0', 'source=-1', 'source=1e3', 'source=1,source=2', 'sources=1', 'source=1, client=2', 'source=1,', 'source=9999999999', 'source=off,5'])('refuses %j where limits are wanted', (value) => {
    expect(problemsOf({ LEGATE_RATE_LIMIT_TOKEN: value })).toEqual([
      `LEGATE_RATE_LIMIT_TOKEN is ${JSON.stringify(value)}, but must be off, or requests a minute for some of source, client, user, organization, such as source=1000,client=off.`,
    ]);
  });

  it('suggests the bare name of settings that carry no prefix', () => {
    expect(problemsOf({ LEGATE_PORT: '3000', LEGATE_DATABASE_URL: 'x', LEGATE_WHATEVER_ELSE: 'x' })).toEqual([
      'LEGATE_PORT is not a setting; did you mean PORT?',
      'LEGATE_DATABASE_URL is not a setting; did you mean DATABASE_URL?',
      'LEGATE_WHATEVER_ELSE is not a setting; docs/configuration.md lists them all.',
    ]);
  });

  it('overlooks what Kubernetes announces about services called legate', () => {
    expect(problemsOf({
      LEGATE_SERVICE_HOST: '10.0.0.1', LEGATE_SERVICE_PORT: '3000', LEGATE_SERVICE_PORT_HTTP: '3000', LEGATE_PORT: 'tcp://10.0.0.1:3000',
      LEGATE_PORT_3000_TCP: 'tcp://10.0.0.1:3000', LEGATE_PORT_3000_TCP_ADDR: '10.0.0.1', LEGATE_PORT_3000_TCP_PORT: '3000', LEGATE_PORT_3000_TCP_PROTO: 'tcp',
      LEGATE_POSTGRES_SERVICE_HOST: '10.0.0.2', LEGATE_POSTGRES_PORT: 'tcp://10.0.0.2:5432',
    })).toEqual([]);
  });

  it('ends an idle session no later than the session itself', () => {
    expect(loadConfig({ LEGATE_SESSION_TTL: '3600' }).sessionIdleTtl).toBe(3600);
  });

  it('wants one master key and both halves of the first administrator', () => {
    expect(problemsOf({ LEGATE_MASTER_KEY: MASTER_KEY, LEGATE_MASTER_KEY_FILE: '/run/secrets/key', LEGATE_BOOTSTRAP_ADMIN_EMAIL: 'a@example.com' })).toEqual([
      'LEGATE_MASTER_KEY and LEGATE_MASTER_KEY_FILE are both set, but only one of them may be.',
      'LEGATE_BOOTSTRAP_ADMIN_PASSWORD is not set, but must be when LEGATE_BOOTSTRAP_ADMIN_EMAIL is.',
    ]);
  });
});

describe('the issuer', () => {
  it.each([
    ['https://Auth.Example.COM', 'https://auth.example.com'],
    ['HTTPS://auth.example.com:443', 'https://auth.example.com'],
    ['https://auth.example.com:8443', 'https://auth.example.com:8443'],
    ['http://localhost:80', 'http://localhost'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ])('%s is kept as %s', (written, kept) => {
    expect(loadConfig({ LEGATE_ISSUER: written }).issuer).toBe(kept);
  });

  it.each([
    ['https://auth.example.com/', 'ends with a slash'],
    ['https://auth.example.com/oauth', 'holds a path'],
    ['https://auth.example.com?tenant=1', 'holds a query'],
    ['https://auth.example.com#x', 'holds a fragment'],
    ['https://me@auth.example.com', 'holds a user name'],
    ['ftp://auth.example.com', 'is not an http or https URL'],
    ['auth.example.com', 'is not an http or https URL'],
    ['https://auth.example.com\\x', 'is not an http or https URL'],
    ['https:// auth.example.com', 'is not an http or https URL'],
    ['https://auth.example.com:99999', 'is not an http or https URL'],
  ])('%s is refused because it %s', (written, problem) => {
    expect(problemsOf({ LEGATE_ISSUER: written })).toEqual([`LEGATE_ISSUER ${problem}, but must be scheme, host and port alone, such as https://auth.example.com.`]);
  });
});

describe('production mode', () => {
  it('accepts https, PostgreSQL and a master key', () => {
    expect(loadConfig(PRODUCTION)).toMatchObject({ isProduction: true, demoApi: false });
  });

  it('refuses everything that is only fit for trying out', () => {
    const problems = problemsOf({ LEGATE_MODE: 'production', LEGATE_DEMO_API: '1' });
    expect(problems).toHaveLength(4);
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['LEGATE_ISSUER', 'LEGATE_DEMO_API', 'DATABASE_URL', 'LEGATE_MASTER_KEY']);
  });

  it('accepts the embedded database when the operator says so', () => {
    const { DATABASE_URL: _, ...rest } = PRODUCTION;
    expect(problemsOf({ ...rest, LEGATE_ALLOW_EMBEDDED: '1' })).toEqual([]);
  });

  it('accepts a master key from a file', () => {
    const { LEGATE_MASTER_KEY: _, ...rest } = PRODUCTION;
    expect(problemsOf({ ...rest, LEGATE_MASTER_KEY_FILE: '/run/secrets/key' })).toEqual([]);
  });
});

describe('the list of settings', () => {
  it('holds every group, and documents every setting', () => {
    expect(Object.values(settingGroups).flatMap((group) => Object.keys(group))).toEqual(Object.keys(environmentSchema.shape));
    for (const [name, schema] of Object.entries(environmentSchema.shape)) {
      expect([name, settings.get(schema)?.description]).toEqual([name, expect.stringMatching(/\S\.$/)]);
    }
  });

  it('says of every default exactly what counts when nothing is set', () => {
    for (const schema of Object.values(environmentSchema.shape)) {
      const { fallback } = settings.get(schema)!;
      if (fallback === undefined || fallback.includes(' ')) continue;
      expect(schema.parse(fallback)).toEqual(schema.parse(undefined));
    }
  });
});
