import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { newNonce, pageHeaders } from './page-headers.js';
import { Pages } from './pages.js';

/** What a person sees who opens the issuer's address in a browser. */
@ApiExcludeController()
@Controller()
export class LandingPageController {
  constructor(private readonly pages: Pages) {}

  @Get('/')
  @Access.public()
  show(@Res({ passthrough: true }) reply: FastifyReply): string {
    const nonce = newNonce();
    reply.headers(pageHeaders(nonce));
    return this.pages.landing(nonce);
  }
}
