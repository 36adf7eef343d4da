import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { OrganizationAdministration } from './organization-administration.service.js';
import {
  CreateOrganizationDto, EnrolmentTokenDto, OrganizationDto, OrganizationPageDto, OrganizationsQuery, UpdateOrganizationDto,
} from './organizations.dto.js';

@ApiTags('organizations')
@Controller('api/organizations')
export class OrganizationsController {
  constructor(private readonly organizations: OrganizationAdministration) {}

  /** Makes an organization whose owner is the caller, or the person named. */
  @Post()
  @Access.scopes('organizations:write')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreateOrganizationDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<OrganizationDto> {
    const organization = await this.organizations.create(caller, body);
    reply.header('location', `/api/organizations/${organization.id}`);
    return OrganizationDto.of(organization);
  }

  /** Lists the organizations that the caller belongs to. */
  @Get()
  @Access.scopes('organizations:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: OrganizationsQuery): Promise<OrganizationPageDto> {
    const page = await this.organizations.list(caller, query);
    return { data: page.data.map(OrganizationDto.of), next_cursor: page.next_cursor };
  }

  /** Shows the organization of the token. */
  @Get(':id')
  @Access.scopes('organizations:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<OrganizationDto> {
    return OrganizationDto.of(await this.organizations.get(caller, id));
  }

  /** Changes what is given. */
  @Put(':id')
  @Access.scopes('organizations:write')
  async update(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateOrganizationDto): Promise<OrganizationDto> {
    return OrganizationDto.of(await this.organizations.update(caller, id, body));
  }

  /** Deletes the organization with all that is in it; people keep their accounts. For its owners. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('organizations:write')
  async delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.organizations.delete(caller, id);
  }

  /** Makes the token with which agents register themselves in this organization. The former one stops working. */
  @Post(':id/enrolment-token')
  @Header('cache-control', 'no-store')
  @Access.scopes('organizations:write')
  async issueEnrolmentToken(@CurrentCaller() caller: Caller, @Param('id') id: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<EnrolmentTokenDto> {
    const token = await this.organizations.issueEnrolmentToken(caller, id);
    reply.header('location', `/api/organizations/${id}`);
    return { enrolment_token: token };
  }

  /** From now on nobody registers with the enrolment token. */
  @Delete(':id/enrolment-token')
  @HttpCode(204)
  @Access.scopes('organizations:write')
  async withdrawEnrolmentToken(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.organizations.withdrawEnrolmentToken(caller, id);
  }
}
