/** Who acts, and who acted before (RFC 8693 section 4.1). The outermost is the current actor; the nested ones are history. */
export interface ActorChain {
  readonly sub: string;
  readonly act?: ActorChain;
}

/**
 * Reads an `act` claim strictly: an object with a `sub` and perhaps another `act`, nothing else.
 *
 * @param longest how many actors a chain may name
 * @returns undefined when it is no chain of that kind, whatever a lenient reader would make of it
 */
export function readActorChain(act: unknown, longest: number): ActorChain | undefined {
  let depth = 0;
  for (let link: unknown = act; link !== undefined; link = (link as ActorChain).act) {
    depth += 1;
    if (depth > longest || typeof link !== 'object' || link === null || Array.isArray(link)) return undefined;
    if (Object.keys(link).some((member) => member !== 'sub' && member !== 'act')) return undefined;
    const { sub } = link as ActorChain;
    if (typeof sub !== 'string' || sub === '' || ('act' in link && (link as ActorChain).act === undefined)) return undefined;
  }
  return depth === 0 ? undefined : act as ActorChain;
}

/** Puts a new actor in front of those that acted before. */
export function actedBy(actor: string, before?: ActorChain): ActorChain {
  return before ? { sub: actor, act: before } : { sub: actor };
}

/** The actors of a chain, the current one first. */
export function actorsOf(chain: ActorChain | undefined): string[] {
  const actors: string[] = [];
  for (let link = chain; link; link = link.act) actors.push(link.sub);
  return actors;
}
