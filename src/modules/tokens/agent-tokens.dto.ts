import { ArrayMaxSize, ArrayMinSize, ArrayUnique, IsArray, IsUUID } from 'class-validator';
import { IsOmittable } from '../../platform/http/omittable.js';
import { IsScopeToken } from '../../platform/http/validation.js';

export class AgentTokenDto {
  @IsUUID()
  agent_id: string;

  /** Scopes that the agent has and that you may hand out. Without them its defaults, as far as you may hand those out. */
  @IsOmittable() @IsArray() @ArrayMinSize(1) @ArrayMaxSize(200) @ArrayUnique() @IsScopeToken({ each: true })
  scopes?: string[];
}
