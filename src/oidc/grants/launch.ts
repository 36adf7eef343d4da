import { errors } from 'oidc-provider';

/** Why an agent was started. */
export const LAUNCH_REASONS = ['user_interactive', 'system_job', 'agent_delegated'] as const;
export type LaunchReason = (typeof LAUNCH_REASONS)[number];

/** What an agent says of the run that asks for a token. */
export interface LaunchParameters {
  readonly agent_instance_id?: string;
  readonly launch_reason?: string;
  readonly delegation_purpose?: string;
}

export interface Launch {
  readonly instanceId?: string;
  readonly reason?: LaunchReason;
  readonly purpose?: string;
}

const INSTANCE_ID = /^[\x21-\x7E]{1,128}$/;
const LONGEST_PURPOSE = 500;

/** @throws InvalidRequest */
export function readLaunch({ agent_instance_id: instanceId, launch_reason: reason, delegation_purpose: purpose }: LaunchParameters): Launch {
  if (instanceId !== undefined && !INSTANCE_ID.test(instanceId)) throw new errors.InvalidRequest('agent_instance_id must be 1 to 128 printable characters without spaces');
  if (reason !== undefined && !(LAUNCH_REASONS as readonly string[]).includes(reason)) throw new errors.InvalidRequest(`launch_reason must be one of ${LAUNCH_REASONS.join(', ')}`);
  if (purpose !== undefined && (purpose.length > LONGEST_PURPOSE || /\p{C}/u.test(purpose))) {
    throw new errors.InvalidRequest(`delegation_purpose must be text of up to ${LONGEST_PURPOSE} characters without control characters`);
  }
  return { instanceId, reason: reason as LaunchReason | undefined, purpose };
}
