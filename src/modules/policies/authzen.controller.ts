import { Body, Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Config } from '../../platform/config/config.js';
import { Access } from '../../platform/http/access.js';
import { AuthzenBinding } from '../../platform/http/authzen-binding.js';
import { CurrentCaller, type Caller } from '../../platform/http/caller.js';
import { AuthzenEvaluations } from './authzen-evaluations.service.js';
import { readEvaluation, readEvaluations, readSearch } from './authzen-request.js';
import { AuthzenSearch, type FoundPage } from './authzen-search.service.js';
import {
  ActionSearchRequestDto, ActionSearchResponseDto, AuthzenConfigurationDto, AuthzenNextPageDto, EntitySearchResponseDto, EvaluationRequestDto, EvaluationResponseDto,
  EvaluationsRequestDto, EvaluationsResponseDto, ResourceSearchRequestDto, SubjectSearchRequestDto,
} from './authzen.dto.js';

const EVALUATION = 'access/v1/evaluation';
const EVALUATIONS = 'access/v1/evaluations';
const SEARCH = 'access/v1/search';
/** What it says changes with the address of the server only. Seconds. */
const CONFIGURATION_MAX_AGE = 3600;

/**
 * OpenID AuthZEN Authorization API 1.0: whoever enforces decisions asks here, for the organization of their token.
 *
 * 1. `/.well-known/authzen-configuration` says where (section 9).
 * 2. One evaluation, or several in one request (sections 6 and 7).
 * 3. Searches for subjects, resources and actions (section 8).
 */
@ApiTags('decisions')
@Controller()
export class AuthzenController {
  constructor(private readonly evaluations: AuthzenEvaluations, private readonly searches: AuthzenSearch, private readonly config: Config) {}

  /** Says where decisions can be asked for (OpenID AuthZEN 1.0). */
  @Get('.well-known/authzen-configuration')
  @AuthzenBinding({ isGuarded: false })
  @Access.public()
  configuration(@Res({ passthrough: true }) reply: FastifyReply): AuthzenConfigurationDto {
    const { issuer } = this.config;
    reply.header('cache-control', `public, max-age=${CONFIGURATION_MAX_AGE}`);
    return {
      policy_decision_point: issuer,
      access_evaluation_endpoint: `${issuer}/${EVALUATION}`,
      access_evaluations_endpoint: `${issuer}/${EVALUATIONS}`,
      search_subject_endpoint: `${issuer}/${SEARCH}/subject`,
      search_resource_endpoint: `${issuer}/${SEARCH}/resource`,
      search_action_endpoint: `${issuer}/${SEARCH}/action`,
    };
  }

  /** Decides whether a subject may do something to a resource. */
  @Post(EVALUATION)
  @HttpCode(200)
  @AuthzenBinding()
  @Access.scopes('decisions:evaluate')
  @ApiBody({ type: EvaluationRequestDto })
  async evaluate(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<EvaluationResponseDto> {
    return EvaluationResponseDto.of(await this.evaluations.evaluate(caller, readEvaluation(body)));
  }

  /** Decides several requests, all of them or until the first that is denied or permitted. One that is wrong is denied, and says why. */
  @Post(EVALUATIONS)
  @HttpCode(200)
  @AuthzenBinding()
  @Access.scopes('decisions:evaluate')
  @ApiBody({ type: EvaluationsRequestDto })
  async evaluateAll(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<EvaluationsResponseDto> {
    const asked = readEvaluations(body);
    if ('single' in asked) return EvaluationResponseDto.of(await this.evaluations.evaluate(caller, asked.single));
    return { evaluations: (await this.evaluations.evaluateAll(caller, asked)).map(EvaluationResponseDto.ofEvaluated) };
  }

  /** Finds the subjects of a type that may do something to a resource. */
  @Post(`${SEARCH}/subject`)
  @HttpCode(200)
  @AuthzenBinding()
  @Access.scopes('decisions:evaluate')
  @ApiBody({ type: SubjectSearchRequestDto })
  async searchSubjects(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<EntitySearchResponseDto> {
    const search = readSearch('subject', body);
    return entities(search.subject.type, await this.searches.subjects(caller, search));
  }

  /** Finds the resources of a type that a subject may do something to. */
  @Post(`${SEARCH}/resource`)
  @HttpCode(200)
  @AuthzenBinding()
  @Access.scopes('decisions:evaluate')
  @ApiBody({ type: ResourceSearchRequestDto })
  async searchResources(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<EntitySearchResponseDto> {
    const search = readSearch('resource', body);
    return entities(search.resource.type, await this.searches.resources(caller, search));
  }

  /** Finds what a subject may do to a resource. */
  @Post(`${SEARCH}/action`)
  @HttpCode(200)
  @AuthzenBinding()
  @Access.scopes('decisions:evaluate')
  @ApiBody({ type: ActionSearchRequestDto })
  async searchActions(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<ActionSearchResponseDto> {
    const found = await this.searches.actions(caller, readSearch('action', body));
    return { results: found.ids.map((name) => ({ name })), page: nextPage(found) };
  }
}

function entities(type: string, found: FoundPage): EntitySearchResponseDto {
  return { results: found.ids.map((id) => ({ type, id })), page: nextPage(found) };
}

function nextPage({ ids, nextToken }: FoundPage): AuthzenNextPageDto {
  return { next_token: nextToken, count: ids.length };
}
