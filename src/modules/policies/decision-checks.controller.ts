import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Access } from '../../platform/http/access.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { DecisionChecks } from './decision-checks.service.js';
import { CheckPoliciesDto, PolicyCheckDto, SimulatePoliciesDto, SimulationDto } from './decisions.dto.js';
import { PolicySimulation, type Draft } from './policy-simulation.service.js';
import { oneDraftOnly } from './policies.errors.js';

const DEFAULT_LIMIT = 200;

@ApiTags('policies')
@Controller('api/policies')
export class DecisionChecksController {
  constructor(private readonly checks: DecisionChecks, private readonly simulation: PolicySimulation) {}

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
  async simulate(@CurrentCaller() caller: Caller, @Body() { limit = DEFAULT_LIMIT, ...body }: SimulatePoliciesDto): Promise<SimulationDto> {
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
