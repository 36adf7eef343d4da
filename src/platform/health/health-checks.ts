import { Injectable } from '@nestjs/common';
import { now } from '../../kernel/clock.js';
import { Log } from '../logging/log.js';

/** Resolves, perhaps with facts worth showing to anybody, when all is well; rejects when it is not. */
export type HealthCheck = () => Promise<Readonly<Record<string, string | number | boolean>> | void>;

export interface CheckResult {
  readonly status: 'up' | 'down';
  readonly required: boolean;
  readonly [fact: string]: string | number | boolean;
}

export interface Readiness {
  readonly isReady: boolean;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

const TIMEOUT_MS = 2_000;
/** Anybody may ask, so asking often must cost nothing. */
const KEPT_MS = 1_000;

/**
 * What has to work before this node should be sent requests. The parts that know register a check each; why one fails is
 * logged, when it begins to and when it ends, and not shown.
 */
@Injectable()
export class HealthChecks {
  private readonly checks = new Map<string, { readonly check: HealthCheck; readonly isRequired: boolean }>();
  /** A check that hangs is waited for again rather than begun again, or the probes would take every connection there is. */
  private readonly underWay = new Map<string, ReturnType<HealthCheck>>();
  private readonly failing = new Set<string>();
  private latest?: { readonly at: number; readonly readiness: Promise<Readiness> };

  constructor(private readonly log: Log) {}

  /**
   * @param name snake_case, shown in the answer
   * @param options a check that is not required is shown, but does not keep the node from being ready
   */
  register(name: string, check: HealthCheck, options: { readonly isRequired?: boolean } = {}): void {
    this.checks.set(name, { check, isRequired: options.isRequired ?? true });
    this.latest = undefined;
  }

  /** Runs the checks at the same time, at most once a second, and waits for none longer than two. */
  readiness(): Promise<Readiness> {
    const at = now();
    if (!this.latest || at - this.latest.at >= KEPT_MS || at < this.latest.at) this.latest = { at, readiness: this.runAll() };
    return this.latest.readiness;
  }

  private async runAll(): Promise<Readiness> {
    const results = await Promise.all([...this.checks].map(async ([name, { check, isRequired }]) => [name, await this.run(name, check, isRequired)] as const));
    return { isReady: results.every(([, { status, required }]) => status === 'up' || !required), checks: Object.fromEntries(results) };
  }

  private begin(name: string, check: HealthCheck): ReturnType<HealthCheck> {
    let running = this.underWay.get(name);
    if (!running) {
      running = check().finally(() => this.underWay.delete(name));
      this.underWay.set(name, running);
    }
    return running;
  }

  private async run(name: string, check: HealthCheck, required: boolean): Promise<CheckResult> {
    try {
      const facts = await within(TIMEOUT_MS, this.begin(name, check));
      if (this.failing.delete(name)) this.log.info({ check: name }, 'a health check passes again');
      return { status: 'up', required, ...facts };
    } catch (error) {
      if (!this.failing.has(name)) this.log.warn({ check: name, err: error }, 'a health check fails');
      this.failing.add(name);
      return { status: 'down', required };
    }
  }
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
