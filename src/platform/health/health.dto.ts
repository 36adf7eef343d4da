/** Answer of the liveness probe. */
export class LivenessDto {
  /** Always `alive`: a process that cannot say so does not answer. */
  status: 'alive';
}

/** Answer of the readiness probe. */
export class ReadinessDto {
  /** `ready`, `not_ready` when a required check is down, or `shutting_down`. */
  status: 'ready' | 'not_ready' | 'shutting_down';

  /** By name, `{ status: "up" | "down", required }` and facts about it. */
  checks: Record<string, object>;
}
