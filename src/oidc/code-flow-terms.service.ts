import { Injectable } from '@nestjs/common';
import type { OrganizationId } from '../kernel/ids.js';
import { ScopesService } from '../modules/scopes/scopes.service.js';
import { IssuancePolicies, type IntendedToken, type JudgedToken } from '../modules/tokens/issuance-policies.service.js';
import { TokenTools } from '../modules/tokens/token-tools.service.js';

/** An access token of the code flow, as it would be. */
export interface PersonalToken extends Omit<IntendedToken, 'audience' | 'tools' | 'areToolsRequested'> {
  readonly organizationId: OrganizationId;
  /** Undefined for one that is good for the user information alone. */
  readonly audience?: string;
  /** `required_tools` of the token request, space-separated. */
  readonly requiredTools?: string;
}

/** What a token of the code flow is good for: the tools of the agent that acts for the person, if one does, and what the policies say of all of it. */
@Injectable()
export class CodeFlowTerms {
  constructor(private readonly scopes: ScopesService, private readonly tools: TokenTools, private readonly policies: IssuancePolicies) {}

  /** @throws DomainError `access_denied`, also when a required tool cannot be had */
  async judge({ audience, requiredTools, path, ...token }: PersonalToken): Promise<JudgedToken> {
    const { taker, organizationId, scopes } = token;
    // Who somebody is, is nothing to call a tool with.
    const agent = taker.kind === 'agent' && audience !== undefined ? taker.agent : undefined;
    const tools = agent === undefined && requiredTools === undefined
      ? undefined : await this.tools.of({ agent, audience: audience ?? '', scopes, graph: await this.scopes.graphOf(organizationId), required: requiredTools, path });
    return this.policies.judge({ ...token, path, audience: audience ?? '', tools, areToolsRequested: requiredTools !== undefined });
  }
}
