import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { DECISION_REASONS, type Decision, type DecisionReason } from './decision.js';
import type { Evaluated } from './authzen-evaluations.service.js';

/**
 * The shapes of OpenID AuthZEN Authorization API 1.0, for the description of the API. Requests are read by `authzen-request.ts`,
 * since the standard wants members that nobody knows to be let through.
 */

const PROPERTIES = { type: 'object', additionalProperties: true } as const;

export class AuthzenKindDto {
  /** @example user */
  type: string;
  @ApiPropertyOptional(PROPERTIES)
  properties?: Record<string, unknown>;
}

export class AuthzenEntityDto extends AuthzenKindDto {
  /** @example alice */
  id: string;
}

export class AuthzenActionDto {
  /** @example read */
  name: string;
  @ApiPropertyOptional(PROPERTIES)
  properties?: Record<string, unknown>;
}

export class AuthzenPageDto {
  /** `next_token` of the page before. */
  token?: string;
  /** How many results at most; 100 when left out, 200 at most. */
  limit?: number;
}

export class EvaluationRequestDto {
  subject: AuthzenEntityDto;
  action: AuthzenActionDto;
  resource: AuthzenEntityDto;
  @ApiPropertyOptional(PROPERTIES)
  context?: Record<string, unknown>;
}

export class EvaluationsOptionsDto {
  @ApiPropertyOptional({ enum: ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'], default: 'execute_all' })
  evaluations_semantic?: string;
}

export class EvaluationsRequestDto {
  /** For evaluations that name none. */
  subject?: AuthzenEntityDto;
  /** For evaluations that name none. */
  action?: AuthzenActionDto;
  /** For evaluations that name none. */
  resource?: AuthzenEntityDto;
  @ApiPropertyOptional({ ...PROPERTIES, description: 'For evaluations that bring none.' })
  context?: Record<string, unknown>;
  @ApiPropertyOptional({ type: 'array', maxItems: 200, items: PROPERTIES, description: 'Each as a request for one evaluation; what it leaves out is taken from above. Without any, the request is one for one evaluation.' })
  evaluations?: Record<string, unknown>[];
  options?: EvaluationsOptionsDto;
}

export class EvaluationErrorDto {
  status: number;
  message: string;
}

export class EvaluationContextDto {
  /** Id of the decision, as in the audit log. */
  id?: string;
  @ApiPropertyOptional({ enum: DECISION_REASONS })
  reason?: DecisionReason;
  /** Ids of the policies that decided. */
  policies?: string[];
  /** What was wrong with the evaluation. */
  error?: EvaluationErrorDto;
}

export class EvaluationResponseDto {
  /** May it go forward? */
  decision: boolean;
  context: EvaluationContextDto;

  static of({ id, isAllowed, reason, policies }: Decision): EvaluationResponseDto {
    return { decision: isAllowed, context: { id, reason, policies: [...policies] } };
  }

  static ofEvaluated(evaluated: Evaluated): EvaluationResponseDto {
    return 'decision' in evaluated ? EvaluationResponseDto.of(evaluated.decision) : { decision: false, context: { error: { status: 400, message: evaluated.error } } };
  }
}

/** One decision, where no evaluations were sent; otherwise one for each, in their order, as far as the semantic goes. */
export class EvaluationsResponseDto {
  decision?: boolean;
  context?: EvaluationContextDto;
  evaluations?: EvaluationResponseDto[];
}

export class SubjectSearchRequestDto {
  subject: AuthzenKindDto;
  action: AuthzenActionDto;
  resource: AuthzenEntityDto;
  @ApiPropertyOptional(PROPERTIES)
  context?: Record<string, unknown>;
  page?: AuthzenPageDto;
}

export class ResourceSearchRequestDto {
  subject: AuthzenEntityDto;
  action: AuthzenActionDto;
  resource: AuthzenKindDto;
  @ApiPropertyOptional(PROPERTIES)
  context?: Record<string, unknown>;
  page?: AuthzenPageDto;
}

export class ActionSearchRequestDto {
  subject: AuthzenEntityDto;
  resource: AuthzenEntityDto;
  @ApiPropertyOptional(PROPERTIES)
  context?: Record<string, unknown>;
  page?: AuthzenPageDto;
}

export class AuthzenNextPageDto {
  /** Send it as `page.token`, with the same search, for the next page; empty on the last one. */
  next_token: string;
  /** How many results this page has. */
  count: number;
}

export class FoundEntityDto {
  type: string;
  id: string;
}

export class EntitySearchResponseDto {
  results: FoundEntityDto[];
  page: AuthzenNextPageDto;
}

export class FoundActionDto {
  name: string;
}

export class ActionSearchResponseDto {
  results: FoundActionDto[];
  page: AuthzenNextPageDto;
}

export class AuthzenConfigurationDto {
  @ApiProperty({ format: 'uri' })
  policy_decision_point: string;
  @ApiProperty({ format: 'uri' })
  access_evaluation_endpoint: string;
  @ApiProperty({ format: 'uri' })
  access_evaluations_endpoint: string;
  @ApiProperty({ format: 'uri' })
  search_subject_endpoint: string;
  @ApiProperty({ format: 'uri' })
  search_resource_endpoint: string;
  @ApiProperty({ format: 'uri' })
  search_action_endpoint: string;
}
