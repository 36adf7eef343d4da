import 'reflect-metadata';
import { createServer, request as httpRequest, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Body, Controller, Get, HttpException, Module, Param, Post, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiSecurity } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsInt, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { DomainError } from '../../kernel/domain-error.js';
import { Config } from '../config/config.js';
import { ConfigModule } from '../config/config.module.js';
import { loadConfig } from '../config/load-config.js';
import { createLog } from '../logging/create-log.js';
import { Log } from '../logging/log.js';
import { LoggingModule } from '../logging/logging.module.js';
import { NestLog } from '../logging/nest-log.js';
import { MetricsModule } from '../metrics/metrics.module.js';
import { Access } from './access.js';
import { insufficientScope, invalidDpopProof, invalidToken, tokenRequired } from './access.errors.js';
import { configureHttp, fastifyOptions, serverOptions } from './configure-http.js';
import { HttpModule } from './http.module.js';
import { openRequest } from './open-request.js';
import { ProblemFilter } from './problem.filter.js';
import { requestContext, runWithRequestContext } from './request-context.js';
import { RequestObserver } from './request-observer.js';
import { RouteTable } from './route-table.js';
import { createValidationPipe } from './validation.pipe.js';

class PartDto {
  @IsString() @MaxLength(5)
  name: string;
}

class ThingDto {
  @IsString() @MaxLength(10)
  name: string;

  @IsOptional() @IsArray() @ArrayMaxSize(3) @IsString({ each: true })
  scopes?: string[];

  @IsOptional() @ValidateNested({ each: true }) @Type(() => PartDto)
  parts?: PartDto[];
}

class ThingQuery {
  @IsOptional() @Type(() => Number) @IsInt()
  limit?: number;
}

const FAILURES: Record<string, () => unknown> = {
  invalid: () => new DomainError('invalid', 'odd_name', 'The name is odd.', { details: { hint: 'be even' } }),
  missing: () => new DomainError('not_found', 'thing_not_found', 'There is no such thing.'),
  conflict: () => new DomainError('conflict', 'thing_exists', 'There is one already.'),
  throttled: () => new DomainError('throttled', 'too_many', 'Too many things.', { retryAfterSeconds: 2.2 }),
  unavailable: () => new DomainError('unavailable', 'busy', 'Busy.', { cause: new Error('secret reason') }),
  unauthenticated: () => new DomainError('unauthenticated', 'wrong_password', 'The name or the password is wrong.'),
  token_required: () => tokenRequired(),
  invalid_token: () => invalidToken(new Error('expired at 12:00')),
  insufficient_scope: () => insufficientScope(['things:write', 'things:read']),
  dpop: () => invalidDpopProof('The proof is "old" – again.'),
  overwriting: () => new DomainError('invalid', 'real', 'Real.', { details: { status: 200, code: 'fake', type: 'x', instance: 'y' } }),
  defect: () => new TypeError('cannot read hunter2 of undefined'),
  refused: () => Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' }),
  shutdown: () => Object.assign(new Error('query failed'), { driverError: Object.assign(new Error('terminating connection'), { code: '57P01' }) }),
  crowded: () => Object.assign(new Error('sorry, too many clients already'), { code: '53300' }),
  teapot: () => new HttpException('hunter2', 418),
  thrown_text: () => 'hunter2',
};

@Controller('api/things')
class ThingsController {
  /** Makes one. */
  @Post()
  @Access.scopes('things:write')
  create(@Body() thing: ThingDto): object {
    return { thing, request_id: requestContext()?.requestId };
  }

  @Post('given')
  @ApiSecurity('authorization_code', ['things:write'])
  @Access.public()
  give(): void {}

  @Get()
  @Access.scopes('things:read')
  list(@Query() query: ThingQuery): object {
    return query;
  }

  @Get('failing/:kind')
  @Access.public()
  fail(@Param('kind') kind: string): never {
    throw FAILURES[kind]!();
  }

  @Get(':id')
  @Access.authenticated()
  async get(@Param('id') id: string): Promise<object> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { id, request_id: requestContext()?.requestId };
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

const lines: string[] = [];
let app: NestFastifyApplication;
let origin: string;

async function start(settings: Record<string, string> = {}): Promise<NestFastifyApplication> {
  const config = loadConfig(settings);
  const log = createLog({ logLevel: 'debug', logFormat: 'json' }, { write: (line) => { lines.push(line); } });
  const handle = (listener: RequestListener): RequestListener => (request, response) => {
    const context = openRequest(request, response, config);
    observer.observe(request, response, context);
    runWithRequestContext(context, () => listener(request, response));
  };
  const adapter = new FastifyAdapter({ ...fastifyOptions, serverFactory: (listener: RequestListener) => createServer(serverOptions, handle(listener)) });
  const root = { module: class Root {}, imports: [ConfigModule.forRoot(config), LoggingModule.forRoot(log), MetricsModule, HttpModule, ThingsModule] };
  const server = await NestFactory.create<NestFastifyApplication>(root, adapter, { logger: new NestLog(log), abortOnError: false });
  server.useGlobalPipes(createValidationPipe());
  server.useGlobalFilters(new ProblemFilter(server.get(Config), server.get(Log), server.get(RouteTable)));
  configureHttp(server, { scopeDescriptions: { 'things:read': 'See things' }, tagDescriptions: { Nothing: 'Not there.', Things: 'What things are for.' } });
  const observer = server.get(RequestObserver);
  await server.listen(0, '127.0.0.1');
  return server;
}

const originOf = (server: NestFastifyApplication) => `http://127.0.0.1:${(server.getHttpServer().address() as AddressInfo).port}`;

async function call(path: string, init?: RequestInit): Promise<{ status: number; headers: Headers_; body: Record<string, unknown>; text: string }> {
  const response = await fetch(origin + path, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) as Record<string, unknown> : {}, text };
}
type Headers_ = Response['headers'];

/** As `fetch` will not: an odd path, or another host. */
const raw = (path: string, headers: Record<string, string> = {}) => new Promise<{ status: number; headers: Record<string, unknown>; type: string | undefined; body: string }>((resolve, reject) => {
  httpRequest(origin + '/', { path, headers }, (response) => {
    let body = '';
    response.on('data', (chunk) => { body += String(chunk); }).on('end', () => resolve({ status: response.statusCode!, headers: response.headers, type: response.headers['content-type'], body }));
  }).on('error', reject).end();
});

const post = (body: string, contentType = 'application/json') => call('/api/things', { method: 'POST', body, headers: { 'content-type': contentType } });
const logged = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(async () => {
  app = await start();
  origin = originOf(app);
});
afterAll(() => app.close());
beforeEach(() => { lines.length = 0; });

describe('problem details', () => {
  it('say in one shape what is wrong, why, and for which request', async () => {
    const { status, headers, body } = await call('/api/things/failing/invalid');
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      type: 'about:blank', title: 'Bad Request', status: 400, detail: 'The name is odd.', code: 'odd_name', hint: 'be even', instance: headers.get('x-request-id'),
    });
  });

  it.each([
    ['missing', 404, 'thing_not_found'], ['conflict', 409, 'thing_exists'], ['throttled', 429, 'too_many'], ['unavailable', 503, 'busy'], ['unauthenticated', 401, 'wrong_password'],
    ['refused', 503, 'database_unavailable'], ['shutdown', 503, 'database_unavailable'], ['crowded', 503, 'database_unavailable'], ['defect', 500, 'internal_error'],
    ['thrown_text', 500, 'internal_error'], ['teapot', 418, 'http_418'], ['overwriting', 400, 'real'],
  ])('answer "%s" with %i %s', async (kind, status, code) => {
    const { body, status: sent, text } = await call(`/api/things/failing/${kind}`);
    expect([sent, body['status'], body['code'], body['type']]).toEqual([status, status, code, 'about:blank']);
    expect(text).not.toMatch(/hunter2|secret reason|ECONNREFUSED|5432|stack/);
  });

  it('say when to come back', async () => {
    expect((await call('/api/things/failing/throttled')).headers.get('retry-after')).toBe('3');
    expect((await call('/api/things/failing/unavailable')).headers.get('retry-after')).toBe('5');
    expect((await call('/api/things/failing/refused')).headers.get('retry-after')).toBe('5');
    expect((await call('/api/things/failing/conflict')).headers.get('retry-after')).toBeNull();
  });

  it.each([
    ['unauthenticated', 'Bearer realm="http://localhost:3000"'],
    ['token_required', 'Bearer realm="http://localhost:3000"'],
    ['invalid_token', 'Bearer realm="http://localhost:3000", error="invalid_token", error_description="The access token is not valid here, or no longer."'],
    ['insufficient_scope', 'Bearer realm="http://localhost:3000", error="insufficient_scope", error_description="This needs the scope things:write things:read, held by a role that allows it.", scope="things:write things:read"'],
    ['dpop', `DPoP realm="http://localhost:3000", error="invalid_dpop_proof", error_description="The proof is 'old' ? again.", algs="ES256 EdDSA Ed25519 PS256 RS256"`],
  ])('challenge "%s" as RFC 6750 and RFC 9449 write it', async (kind, challenge) => {
    const { headers, body } = await call(`/api/things/failing/${kind}`);
    expect(headers.get('www-authenticate')).toBe(challenge);
    expect(body).not.toHaveProperty('challenge');
  });

  it('log a defect once with its stack, and an outage once however often it is met', async () => {
    await call('/api/things/failing/defect');
    const defects = logged().filter(({ level }) => level === 'error');
    expect(defects).toHaveLength(1);
    expect(defects[0]).toMatchObject({ message: 'a request failed because of a defect', err: { type: 'TypeError', stack: expect.stringContaining('at ') }, request_id: expect.any(String) });
  });
});

describe('what cannot be understood', () => {
  it.each([
    ['broken JSON', '{"name":', 'application/json', 400, 'invalid_json'],
    ['nothing', '', 'application/json', 400, 'empty_body'],
    ['a prototype key', '{"__proto__":{"name":"x"}}', 'application/json', 400, 'invalid_json'],
    ['another type', '<a/>', 'application/xml', 415, 'unsupported_media_type'],
    ['a form', 'name=x', 'application/x-www-form-urlencoded', 415, 'unsupported_media_type'],
    ['plain text', '{"name":"x"}', 'text/plain', 415, 'unsupported_media_type'],
    ['a list', '[]', 'application/json', 400, 'invalid_request'],
    ['a text', '"x"', 'application/json', 400, 'invalid_request'],
    ['null', 'null', 'application/json', 400, 'invalid_request'],
    ['too much', JSON.stringify({ name: 'x'.repeat(70_000) }), 'application/json', 413, 'body_too_large'],
  ])('%s is refused', async (_, sent, type, status, code) => {
    const { body, status: answered, headers } = await post(sent, type);
    expect([answered, body['code']]).toEqual([status, code]);
    expect(headers.get('content-type')).toBe('application/problem+json');
  });

  it('an address that does not exist is 404, one that does not take the method is 405 with Allow', async () => {
    expect(await call('/api/nothing?token=hunter2')).toMatchObject({ status: 404, body: { code: 'route_not_found', detail: 'There is nothing at this address.' } });
    const wrong = await call('/api/things/1', { method: 'DELETE' });
    expect(wrong).toMatchObject({ status: 405, body: { code: 'method_not_allowed', title: 'Method Not Allowed', status: 405, detail: 'This address takes GET, HEAD.' } });
    expect(wrong.headers.get('allow')).toBe('GET, HEAD');
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('a path that is not validly encoded, or too long, is refused with problem details', async () => {
    expect(await raw('/api/things/%zz')).toMatchObject({ status: 400, type: 'application/problem+json', body: expect.stringContaining('invalid_path') });
    expect(await raw(`/api/things/${'x'.repeat(300)}`)).toMatchObject({ status: expect.any(Number), type: 'application/problem+json' });
  });
});

describe('validation', () => {
  it('names each wrong field once, with its path, and leaves the values out', async () => {
    const { body } = await post(JSON.stringify({ name: 'hunter2-hunter2', scopes: ['a', 1], parts: [{ name: 'ok' }, { name: 'too long' }], admin: true }));
    expect(body).toMatchObject({
      status: 400, code: 'invalid_request', detail: '"admin" is not known here. 3 more fields are wrong.',
      errors: expect.arrayContaining([
        { field: 'name', message: '"name" must be shorter than or equal to 10 characters' },
        { field: 'scopes', message: 'each value in "scopes" must be a string' },
        { field: 'parts.1.name', message: '"parts.1.name" must be shorter than or equal to 5 characters' },
        { field: 'admin', message: '"admin" is not known here' },
      ]),
    });
    expect(JSON.stringify(body)).not.toContain('hunter2');
    expect((await post('{"name":"much too long a name","scopes":[]}')).body).toMatchObject({ detail: '"name" must be shorter than or equal to 10 characters.' });
    expect((await post('{"name":"x","scopes":[1]}')).body).toMatchObject({ detail: 'Each value in "scopes" must be a string.' });
    expect((await post('{"name":"x","must":1,"$&":2}')).body).toMatchObject({ errors: [{ field: 'must', message: '"must" is not known here' }, { field: '$&', message: '"$&" is not known here' }] });
  });

  it('stops after twenty fields, and cuts names that callers made long', async () => {
    const members = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`${'x'.repeat(200)}${index}`, 1]));
    const { body, text } = await post(JSON.stringify({ name: 'x', ...members }));
    expect(body['errors']).toHaveLength(20);
    expect(text.length).toBeLessThan(16_000);
  });

  it('turns query parameters into their types, and takes none twice', async () => {
    expect((await call('/api/things?limit=5')).body).toEqual({ limit: 5 });
    expect((await call('/api/things?limit=5&limit=6')).status).toBe(400);
    expect((await call('/api/things?limt=5')).status).toBe(400);
  });
});

describe('each request', () => {
  it('is known by one id in the answer, in the code, and in the log, also when it has a body', async () => {
    for (const { headers, body } of [await post('{"name":"x"}'), await call('/api/things/1')]) {
      expect(body['request_id']).toBe(headers.get('x-request-id'));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(logged().filter(({ message }) => message === 'request')).toMatchObject([
      { level: 'info', method: 'POST', path: '/api/things', status: 201, source: '127.0.0.1' }, { method: 'GET', path: '/api/things/1', status: 200 },
    ]);
  });

  it('keeps its id in the code when its body arrives in pieces', async () => {
    const answer = await new Promise<{ id: unknown; body: string }>((resolve, reject) => {
      const sending = httpRequest(`${origin}/api/things`, { method: 'POST', headers: { 'content-type': 'application/json' } }, (response) => {
        let body = '';
        response.on('data', (chunk) => { body += String(chunk); }).on('end', () => resolve({ id: response.headers['x-request-id'], body }));
      }).on('error', reject);
      sending.write('{"na');
      setTimeout(() => sending.write('me":'), 30);
      setTimeout(() => sending.end('"x"}'), 60);
    });
    expect(JSON.parse(answer.body)).toMatchObject({ request_id: answer.id });
  });

  it('cannot choose its id or its source, unless a proxy vouches for them', async () => {
    const headers = { 'x-request-id': 'chosen-by-caller', 'x-forwarded-for': '1.2.3.4' };
    expect((await call('/api/things/1', { headers })).headers.get('x-request-id')).not.toBe('chosen-by-caller');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(logged().at(-1)).toMatchObject({ source: '127.0.0.1' });
  });

  it('gets headers that keep browsers from doing anything with the answer', async () => {
    for (const path of ['/api/things/1', '/api/nothing', '/api/things/failing/defect']) {
      const { headers } = await call(path);
      expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'");
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('strict-transport-security')).toBeNull();
      // With one, the sign-in page would lose the window that opened it.
      expect(headers.get('cross-origin-opener-policy')).toBeNull();
    }
  });
});

describe('metrics', () => {
  it('are read on this machine, and not through a proxy', async () => {
    await call('/api/things/1');
    const { status, headers, text } = await call('/metrics');
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
    expect(text).toMatch(/legate_http_requests_total\{route="other",method="GET",status="200"\} \d+/);
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(await call('/metrics', { headers: { 'x-forwarded-for': '127.0.0.1' } })).toMatchObject({ status: 403, body: { code: 'metrics_not_exposed' } });
  });

  it('ask for the token where there is one', async () => {
    const guarded = await start({ LEGATE_METRICS_TOKEN: 'a-long-enough-token' });
    const url = `${originOf(guarded)}/metrics`;
    const refused = await fetch(url, { headers: { authorization: 'Bearer a-long-enough-tokem' } });
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="http://localhost:3000"']);
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: 'Bearer a-long-enough-token', 'x-forwarded-for': '203.0.113.7' } })).status).toBe(200);
    await guarded.close();
  });
});

describe('the description of the API', () => {
  it('is served with its browser, under a policy that lets only its own scripts run', async () => {
    const page = await raw('/api/docs', { host: 'localhost:3000' });
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("script-src 'self';");
    expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    const scripts = [...page.body.matchAll(/<script([^>]*)>([^<]*)/g)];
    expect(scripts.length).toBeGreaterThan(2);
    for (const [, attributes, inline] of scripts) expect([attributes, inline?.trim()]).toEqual([expect.stringContaining('src="./docs/'), '']);
    for (const [, name] of page.body.matchAll(/src="\.\/docs\/([^"]+)"/g)) expect((await call(`/api/docs/${name}`)).status).toBe(200);
    const redirect = await call('/api/docs/oauth2-redirect.html');
    expect([redirect.status, redirect.headers.get('cross-origin-opener-policy')]).toEqual([200, 'unsafe-none']);
    expect((await call('/api/docs/swagger-ui-init.js')).text).toContain('"usePkceWithAuthorizationCodeGrant": true');
  });

  it('opens under the name that its sign-in leads back to', async () => {
    const { status, headers } = await call('/api/docs', { redirect: 'manual' });
    expect([status, headers.get('location')]).toEqual([302, 'http://localhost:3000/api/docs']);
  });

  it('derives who may call what from the routes themselves', async () => {
    const { body } = await call('/api/openapi.json');
    expect(body).toMatchObject({
      openapi: '3.0.3', info: { title: 'Legate', version: expect.stringMatching(/^\d/) }, tags: [{ name: 'Things', description: 'What things are for.' }],
      components: {
        securitySchemes: {
          authorization_code: { type: 'oauth2', flows: { authorizationCode: { authorizationUrl: 'http://localhost:3000/api/oauth/authorize', scopes: { openid: 'openid', 'things:read': 'See things', 'things:write': 'things:write' } } } },
          client_credentials: { type: 'oauth2', flows: { clientCredentials: { tokenUrl: 'http://localhost:3000/api/oauth/token', scopes: { 'things:read': 'See things', 'things:write': 'things:write' } } } },
        },
      },
      paths: {
        '/api/things': {
          post: { operationId: 'things_create', security: [{ authorization_code: ['things:write'] }, { client_credentials: ['things:write'] }], responses: { 400: expect.anything(), 401: expect.anything(), 403: expect.anything(), default: expect.anything() } },
          get: { operationId: 'things_list' },
        },
        '/api/things/{id}': { get: { security: [{ authorization_code: [] }, { client_credentials: [] }], responses: { 401: expect.anything(), 404: expect.anything() } } },
        '/api/things/failing/{kind}': { get: { operationId: 'things_fail', security: [] } },
        '/api/things/given': { post: { security: [{}, { authorization_code: ['things:write'] }] } },
      },
    });
    const again = await start();
    expect(await (await fetch(`${originOf(again)}/api/openapi.json`)).json()).toEqual(body);
    await again.close();
  });
});
