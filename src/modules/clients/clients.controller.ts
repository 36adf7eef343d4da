import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { now } from '../../kernel/clock.js';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { ClientAdministration } from './client-administration.service.js';
import {
  ClientDto, ClientPageDto, ClientSecretDto, ClientSecretListDto, ClientsQuery, CreatedSecretDto, CreateSecretDto, RegisterClientDto, RegisteredClientDto, UpdateClientDto,
} from './clients.dto.js';

@ApiTags('clients')
@Controller('api/clients')
export class ClientsController {
  constructor(private readonly clients: ClientAdministration) {}

  /** Lists the organization's clients; agents are under `/api/agents`. */
  @Get()
  @Access.scopes('clients:write')
  async list(@CurrentCaller() caller: Caller, @Query() query: ClientsQuery): Promise<ClientPageDto> {
    const page = await this.clients.list(caller, query);
    return { data: page.data.map(ClientDto.of), next_cursor: page.next_cursor };
  }

  /** Shows a client. */
  @Get(':client_id')
  @Access.scopes('clients:write')
  async get(@CurrentCaller() caller: Caller, @Param('client_id') clientId: string): Promise<ClientDto> {
    return ClientDto.of(await this.clients.get(caller, clientId));
  }

  /** Changes what is given; the client is checked as a whole. Changing how it authenticates or where it redirects needs all of its scopes. */
  @Put(':client_id')
  @Access.scopes('clients:write')
  async update(@CurrentCaller() caller: Caller, @Param('client_id') clientId: string, @Body() body: UpdateClientDto): Promise<ClientDto> {
    return ClientDto.of(await this.clients.update(caller, clientId, body));
  }

  /** Deactivates a client for good: its tokens end at once, its row stays for the ledger. */
  @Delete(':client_id')
  @HttpCode(204)
  @Access.scopes('clients:write')
  async delete(@CurrentCaller() caller: Caller, @Param('client_id') clientId: string): Promise<void> {
    await this.clients.deactivate(caller, clientId);
  }

  /** Lists the secrets of a client, oldest first, without showing them. */
  @Get(':client_id/secrets')
  @Access.scopes('clients:write')
  async listSecrets(@CurrentCaller() caller: Caller, @Param('client_id') clientId: string): Promise<ClientSecretListDto> {
    const secrets = await this.clients.listSecrets(caller, clientId);
    return { data: secrets.map((secret) => ClientSecretDto.of(secret, now())), next_cursor: null };
  }

  /** Adds a secret; the others go on working until they expire or are retired. */
  @Post(':client_id/secrets')
  @Access.scopes('clients:write')
  async addSecret(
    @CurrentCaller() caller: Caller, @Param('client_id') clientId: string, @Body() body: CreateSecretDto, @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedSecretDto> {
    const { secret, text } = await this.clients.addSecret(caller, clientId, { label: body.label, expiresAt: body.expires_at ? new Date(body.expires_at) : null });
    reply.header('location', `/api/clients/${encodeURIComponent(clientId)}/secrets/${secret.id}`);
    return { ...ClientSecretDto.of(secret, now()), client_secret: text };
  }

  /** Retires a secret at once. */
  @Delete(':client_id/secrets/:secret_id')
  @HttpCode(204)
  @Access.scopes('clients:write')
  async retireSecret(@CurrentCaller() caller: Caller, @Param('client_id') clientId: string, @Param('secret_id') secretId: string): Promise<void> {
    await this.clients.retireSecret(caller, clientId, secretId);
  }
}

@ApiTags('clients')
@Controller('api/admin/clients')
export class ClientRegistrationController {
  constructor(private readonly clients: ClientAdministration) {}

  /** Registers a client. The secret in the answer is shown this once. */
  @Post('register')
  @Access.scopes('clients:write')
  async register(@CurrentCaller() caller: Caller, @Body() body: RegisterClientDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<RegisteredClientDto> {
    const { client, secret } = await this.clients.register(caller, body);
    reply.header('location', `/api/clients/${client.id}`);
    return { ...ClientDto.of(client), client_secret: secret };
  }
}
