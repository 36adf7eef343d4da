import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../../kernel/domain-error.js';
import { KnownDevices } from '../../modules/users/known-devices.service.js';
import { Access } from '../../platform/http/access.js';
import { TakesForm } from '../../platform/http/body-types.js';
import { requestContext } from '../../platform/http/request-context.js';
import { newNonce, pageHeaders } from '../pages/page-headers.js';
import { Pages } from '../pages/pages.js';
import { ConsentPresenter } from './consent-presenter.service.js';
import { ConsentForm, SignInForm } from './interactions.dto.js';
import { Interactions, type Exchange, type Step } from './interactions.service.js';

/**
 * The pages between an authorization request and its answer: sign in, then agree. Plain forms; each answer is a 303, so that
 * going back or reloading never sends one twice (RFC 9700 section 4.12). What is thrown here people see as a page: `InteractionErrors`.
 */
@ApiExcludeController()
@Controller('api/oauth/interaction')
export class InteractionsController {
  constructor(
    private readonly interactions: Interactions,
    private readonly pages: Pages,
    private readonly consentPresenter: ConsentPresenter,
    private readonly devices: KnownDevices,
  ) {}

  @Get(':uid')
  @Access.public()
  async show(@Param('uid') uid: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const step = await this.interactions.step(uid, request.raw, reply.raw);
    if (step.interaction.prompt.name === 'login') return this.showSignIn(step, reply);
    const consent = await this.interactions.consentStep(step);
    if (!consent.standpoint) return redirect(reply, await this.interactions.refuse(consent, exchangeOf(request, reply), 'not_a_member'));
    return this.send(reply, (nonce, model) => this.pages.consent(nonce, model), await this.consentPresenter.present(consent));
  }

  @Post(':uid/sign-in')
  @TakesForm()
  @Access.public()
  async signIn(@Param('uid') uid: string, @Body() form: SignInForm, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const step = await this.interactions.step(uid, request.raw, reply.raw);
    this.interactions.checkForm(step, form.csrf_token);
    const source = requestContext()?.ip ?? request.ip;
    try {
      const { userId, next } = await this.interactions.signIn(step, { username: form.username, password: form.password, source }, exchangeOf(request, reply));
      reply.raw.appendHeader('set-cookie', this.devices.remember(userId, request.headers.cookie));
      redirect(reply, next);
    } catch (error) {
      if (!(error instanceof DomainError) || !['unauthenticated', 'throttled', 'unavailable'].includes(error.kind)) throw error;
      reply.status(error.kind === 'throttled' ? 429 : error.kind === 'unavailable' ? 503 : 400);
      if (error.retryAfterSeconds) void reply.header('retry-after', error.retryAfterSeconds);
      this.showSignIn(step, reply, { error, username: form.username });
    }
  }

  @Post(':uid/consent')
  @TakesForm()
  @Access.public()
  async consent(@Param('uid') uid: string, @Body() form: ConsentForm, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const step = await this.interactions.step(uid, request.raw, reply.raw);
    this.interactions.checkForm(step, form.csrf_token);
    const consent = await this.interactions.consentStep(step);
    const exchange = exchangeOf(request, reply);
    redirect(reply, form.decision === 'allow' ? await this.interactions.agree(consent, exchange, form.has_choice ? new Set(form.scope) : undefined) : await this.interactions.refuse(consent, exchange, 'denied_by_person'));
  }

  private showSignIn({ interaction, client, csrfToken }: Step, reply: FastifyReply, failed?: { error: DomainError; username: string }): void {
    const redirectUri = String(interaction.params['redirect_uri']);
    const hint = interaction.params['login_hint'];
    this.send(reply, (nonce, model) => this.pages.signIn(nonce, model), {
      action: `/api/oauth/interaction/${interaction.uid}/sign-in`,
      csrfToken,
      clientName: client.name,
      clientHost: new URL(client.clientUri ?? redirectUri).host,
      logoUri: client.logoUri,
      loginHint: failed?.username ?? (typeof hint === 'string' ? hint : undefined),
      error: failed?.error.message,
      retryAfterSeconds: failed?.error.kind === 'throttled' ? failed.error.retryAfterSeconds : undefined,
    });
  }

  private send<Model>(reply: FastifyReply, render: (nonce: string, model: Model) => string, model: Model): void {
    const nonce = newNonce();
    void reply.headers(pageHeaders(nonce, { formActionOrigins: 'any' })).send(render(nonce, model));
  }
}

function redirect(reply: FastifyReply, to: string): void {
  void reply.header('cache-control', 'no-store').redirect(to, 303);
}

function exchangeOf(request: FastifyRequest, reply: FastifyReply): Exchange {
  return { request: request.raw, response: reply.raw };
}
