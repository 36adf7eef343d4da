import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OrganizationId } from '../../src/kernel/ids.js';
import { AccessGuard } from '../../src/platform/http/access.guard.js';
import { Access } from '../../src/platform/http/access.js';
import { CallerAuthenticator } from '../../src/platform/http/caller-authenticator.js';
import type { Caller } from '../../src/platform/http/caller.js';
import { RequestLimits } from '../../src/platform/limits/request-limits.service.js';
import { RefusalRecorder } from '../../src/platform/http/refusal-recorder.js';
import { ProblemFilter } from '../../src/platform/http/problem.filter.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { createLog } from '../../src/platform/logging/create-log.js';
import { RouteTable } from '../../src/platform/http/route-table.js';
import { routesOf, undeclared } from '../support/declared-routes.js';
import { differences, matrixText, ROLES } from './matrix.js';

@Controller('api/planted')
class PlantedController {
  ran = 0;

  @Get('declared')
  @Access.public()
  declared(): object {
    return {};
  }

  /** The mistake: nothing says who may call it. */
  @Get('forgotten/:id')
  forgotten(): object {
    this.ran += 1;
    return { secret: 'for nobody' };
  }
}

@Module({ controllers: [PlantedController] })
class InnerModule {}

class Everybody extends CallerAuthenticator {
  authenticate(): Promise<Caller> {
    return Promise.resolve({
      kind: 'user', subject: 'somebody', clientId: 'console', organizationId: 'here' as OrganizationId, role: 'owner', scopes: new Set(['agents:write']),
      isPlatformAdministrator: true, tokenId: 'token',
    });
  }

  authenticateAgain(): Promise<Caller> {
    return this.authenticate();
  }
}

class Forgetful extends RefusalRecorder {
  record(): Promise<void> {
    return Promise.resolve();
  }
}

@Module({
  imports: [{ module: InnerModule }],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard }, { provide: CallerAuthenticator, useClass: Everybody }, { provide: RefusalRecorder, useClass: Forgetful },
    { provide: RequestLimits, useValue: {} },
  ],
})
class PlantedModule {}

describe('a route that declares no access', () => {
  let app: NestFastifyApplication;
  let origin: string;

  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(PlantedModule, new FastifyAdapter(), { logger: false });
    const config = loadConfig({});
    app.useGlobalFilters(new ProblemFilter(config, createLog(config, { write: () => undefined }), new RouteTable()));
    await app.listen(0, '127.0.0.1');
    origin = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });

  afterAll(() => app.close());

  it('is open to nobody, not even to a platform administrator', async () => {
    expect((await fetch(`${origin}/api/planted/declared`)).status).toBe(200);
    const answer = await fetch(`${origin}/api/planted/forgotten/1`, { headers: { authorization: 'Bearer whatever' } });
    expect({ status: answer.status, body: await answer.json() as object }).toMatchObject({ status: 403, body: { code: 'access_undeclared' } });
    expect(app.get(PlantedController).ran).toBe(0);
  });

  it('is found by the check that every route has to pass, wherever its module hangs', async () => {
    expect(undeclared(await routesOf(PlantedModule))).toEqual(['GET /api/planted/forgotten/{id} (PlantedController.forgotten)']);
  });
});

describe('the access matrix', () => {
  const row = { route: 'GET /api/things', rule: 'things:read', outcomes: ROLES.map(() => '403') };

  it('shows every change as a line that went and a line that came, and nothing when only the columns moved', () => {
    const opened = { ...row, outcomes: ['allowed', ...row.outcomes.slice(1)] };
    const changes = differences(matrixText([row]), matrixText([opened]));
    expect(changes.split('\n')).toEqual([expect.stringMatching(/^[-+] GET \/api\/things {2}things:read/), expect.stringMatching(/^[-+] GET \/api\/things {2}things:read/)]);
    expect(changes).toContain('+ GET /api/things  things:read  allowed');
    expect(differences(matrixText([row]), matrixText([row, { ...row, route: 'GET /api/longer-than-the-others' }]))).toBe(`+ GET /api/longer-than-the-others  things:read${'  403'.repeat(7)}`);
  });
});
