/** What a V8 profile says of where the processor time of a stretch of time went. */
import { readFileSync } from 'node:fs';

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }[];
  readonly samples: readonly number[];
  /** Microseconds, each since the sample before. */
  readonly timeDeltas: readonly number[];
  /** On the clock of `process.hrtime`. Microseconds. */
  readonly startTime: number;
}

export interface Frame { readonly functionName: string; readonly url: string }

/** Microseconds of one thread by part, without those in which it was idle or collected garbage. */
export interface Busy { readonly total: number; readonly byPart: ReadonlyMap<string, number> }

/**
 * Each sample counts for the part of the innermost function that belongs to one: what a library or Node does counts for whoever called it.
 *
 * @param file of `--cpu-prof`
 * @param partOf a function, given the part of its caller; undefined where it has none of its own
 * @param from on the clock of `process.hrtime`, as `to`. Microseconds
 */
export function busyByPart(file: string, partOf: (frame: Frame, callersPart: string | undefined) => string | undefined, from: number, to: number): Busy {
  const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parts = new Map<number, string | undefined>();
  const waiting: [number, string | undefined][] = [[nodes[0]!.id, undefined]];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [id, callersPart] = next;
    const { callFrame, children = [] } = byId.get(id)!;
    const part = partOf(callFrame, callersPart) ?? callersPart;
    parts.set(id, part);
    for (const child of children) waiting.push([child, part]);
  }
  let at = startTime;
  let total = 0;
  const byPart = new Map<string, number>();
  samples.forEach((id, index) => {
    const microseconds = timeDeltas[index]!;
    at += microseconds;
    if (at < from || at > to || ['(idle)', '(garbage collector)'].includes(byId.get(id)!.callFrame.functionName)) return;
    total += microseconds;
    const part = parts.get(id);
    if (part !== undefined) byPart.set(part, (byPart.get(part) ?? 0) + microseconds);
  });
  return { total, byPart };
}
