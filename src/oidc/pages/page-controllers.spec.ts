import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Config } from '../../platform/config/config.js';
import { loadConfig } from '../../platform/config/load-config.js';
import { LandingPageController } from './landing-page.controller.js';
import { Pages } from './pages.js';
import { SetupPageController } from './setup-page.controller.js';

@Module({
  controllers: [LandingPageController, SetupPageController],
  providers: [Pages, { provide: Config, useValue: loadConfig({ LEGATE_ISSUER: 'http://localhost:3000' }) }],
})
class PagesOnly {}

describe('the pages on their routes', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(PagesOnly, new FastifyAdapter(), { logger: false });
    await app.init();
  });
  afterAll(() => app.close());

  it.each(['/', '/setup'])('answers GET %s with a page whose style has the nonce of the policy, fresh each time', async (url) => {
    const nonces = [];
    for (const answer of [await app.inject({ method: 'GET', url }), await app.inject({ method: 'GET', url })]) {
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(answer.headers['x-frame-options']).toBe('DENY');
      const nonce = /style-src 'nonce-([^']+)'/.exec(String(answer.headers['content-security-policy']))?.[1];
      expect(answer.body).toContain(`<style nonce="${nonce}">`);
      nonces.push(nonce);
    }
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  it('lets a script run on /setup and nowhere else', async () => {
    expect(String((await app.inject({ method: 'GET', url: '/setup' })).headers['content-security-policy'])).toContain('script-src');
    expect(String((await app.inject({ method: 'GET', url: '/' })).headers['content-security-policy'])).not.toContain('script-src');
  });
});
