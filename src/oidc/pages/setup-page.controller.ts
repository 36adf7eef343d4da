import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { newNonce, pageHeaders } from './page-headers.js';
import { Pages } from './pages.js';

/**
 * The page behind the link that the first start prints, `/setup#<one-time secret>`. The secret is in the fragment, so it
 * reaches neither this server nor a log when the page is fetched. The page is the same before and after the setup:
 * whether the secret is good is said only in answer to the secret.
 */
@ApiExcludeController()
@Controller()
export class SetupPageController {
  constructor(private readonly pages: Pages) {}

  @Get('/setup')
  @Access.public()
  show(@Res({ passthrough: true }) reply: FastifyReply): string {
    const nonce = newNonce();
    reply.headers(pageHeaders(nonce, { allowScript: true }));
    return this.pages.setup(nonce);
  }
}
