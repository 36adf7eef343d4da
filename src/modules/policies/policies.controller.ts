import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { PageQuery } from '../../platform/http/page.js';
import { DecisionChecks } from './decision-checks.service.js';
import { CheckPoliciesDto, PolicyCheckDto, SimulatePoliciesDto, SimulationDto } from './decisions.dto.js';
import { forOrganization } from './installation-policies.js';
import { PolicyAdministration } from './policy-administration.service.js';
import { PolicyDirectory } from './policy-directory.service.js';
import { PolicySimulation, type Draft } from './policy-simulation.service.js';
import { CreatePolicyDto, InstallationPoliciesDto, InstallationPolicyDto, PoliciesQuery, PolicyDto, PolicyPageDto, PolicyVersionDto, PolicyVersionPageDto, RestorePolicyDto, UpdatePolicyDto } from './policies.dto.js';
import { oneDraftOnly } from './policies.errors.js';

const SIMULATED_BY_DEFAULT = 200;

@ApiTags('policies')
@Controller('api/policies')
export class PoliciesController {
  constructor(
    private readonly policies: PolicyAdministration,
    private readonly directory: PolicyDirectory,
    private readonly checks: DecisionChecks,
    private readonly simulation: PolicySimulation,
  ) {}

  /** Makes a policy of the organization. It decides from now on. */
  @Post()
  @Access.scopes('policies:write')
  async create(@CurrentCaller() caller: Caller, @Body() body: CreatePolicyDto, @Res({ passthrough: true }) reply: FastifyReply): Promise<PolicyDto> {
    const policy = await this.policies.create(caller, body);
    reply.header('location', `/api/policies/${policy.id}`);
    return PolicyDto.of(policy);
  }

  /** Lists the policies of the organization. */
  @Get()
  @Access.scopes('policies:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: PoliciesQuery): Promise<PolicyPageDto> {
    const page = await this.policies.list(caller, query);
    return { data: page.data.map(PolicyDto.of), next_cursor: page.next_cursor };
  }

  /** Shows the policies of the installation, which count in every organization. The operator keeps them in files; here they cannot be changed. */
  @Get('installation')
  @Access.scopes('policies:read')
  installation(@CurrentCaller() caller: Caller): InstallationPoliciesDto {
    const { policies, version } = this.directory.current;
    return { data: forOrganization(policies ?? [], caller.organizationId).map(InstallationPolicyDto.of), version, is_usable: policies !== null };
  }

  /** Shows a policy. */
  @Get(':id')
  @Access.scopes('policies:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<PolicyDto> {
    return PolicyDto.of(await this.policies.get(caller, id));
  }

  /** Changes what is given, and makes a new version. */
  @Put(':id')
  @Access.scopes('policies:write')
  async update(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdatePolicyDto): Promise<PolicyDto> {
    return PolicyDto.of(await this.policies.update(caller, id, body));
  }

  /** Deletes a policy. It decides nothing any more; its versions stay, and any of them can be restored. */
  @Delete(':id')
  @HttpCode(204)
  @Access.scopes('policies:write')
  async delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    await this.policies.delete(caller, id);
  }

  /** Lists what a policy has been, the newest first. Versions never change. */
  @Get(':id/versions')
  @Access.scopes('policies:read')
  async versions(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: PageQuery): Promise<PolicyVersionPageDto> {
    const page = await this.policies.versions(caller, id, query);
    return { data: page.data.map(PolicyVersionDto.of), next_cursor: page.next_cursor };
  }

  /** Makes a policy again what it was in one of its versions, as a new version; also one that was deleted. */
  @Post(':id/restore')
  @HttpCode(200)
  @Access.scopes('policies:write')
  async restore(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: RestorePolicyDto): Promise<PolicyDto> {
    return PolicyDto.of(await this.policies.restore(caller, id, body.version));
  }

  /** Decides a request and explains it: which policies matched, and which of their conditions held. The decision is on record as any other. */
  @Post('check')
  @HttpCode(200)
  @Access.scopes('policies:read')
  async check(@CurrentCaller() caller: Caller, @Body() body: CheckPoliciesDto): Promise<PolicyCheckDto> {
    return PolicyCheckDto.of(await this.checks.check(caller, CheckPoliciesDto.toRequest(body)));
  }

  /** Decides recorded requests again as if a policy were added, replaced or removed, and lists what would change. Nothing is changed by it. */
  @Post('simulate')
  @HttpCode(200)
  @Access.scopes('policies:read')
  async simulate(@CurrentCaller() caller: Caller, @Body() { limit = SIMULATED_BY_DEFAULT, ...body }: SimulatePoliciesDto): Promise<SimulationDto> {
    return SimulationDto.of(await this.simulation.simulate(caller, draftOf(body), limit));
  }
}

function draftOf({ add, replace, remove }: SimulatePoliciesDto): Draft {
  const drafts: Draft[] = [
    ...(add ? [{ kind: 'add' as const, rule: add.rule }] : []), ...(replace ? [{ kind: 'replace' as const, id: replace.policy_id, rule: replace.rule }] : []),
    ...(remove ? [{ kind: 'remove' as const, id: remove.policy_id }] : []),
  ];
  if (drafts.length !== 1) throw oneDraftOnly();
  return drafts[0]!;
}
