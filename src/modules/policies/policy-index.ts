import type { DecisionRequest } from './decision.js';
import { matches, matchesName, type Match, type Selector } from './selector.js';

type Position = number;

/**
 * Finds the policies that may concern a request, without evaluating any. Cedar looks at every policy of a set, one after the
 * other, so what makes decisions quick is to give it few. Each policy is filed once, under what narrows it most: subjects by
 * id, resources by id or the beginning of one, actions by name; the rest is looked through.
 */
export class PolicyIndex {
  private readonly bySubject = new Map<string, Position[]>();
  private readonly byResource = new Map<string, Position[]>();
  private readonly byResourcePrefix = new Map<string, Position[]>();
  /** Lengths of the beginnings that `byResourcePrefix` knows, by type. */
  private readonly prefixLengths = new Map<string, Set<number>>();
  private readonly byAction = new Map<string, Position[]>();
  private readonly unfiled: Position[] = [];

  constructor(private readonly selectors: readonly Selector[]) {
    selectors.forEach((selector, position) => this.file(selector, position));
  }

  /**
   * Positions of the policies that may concern a request, in their order.
   * @param relatedScopes of a scope: those that stand above and below it
   */
  candidates({ organizationId, subject, action, resource }: DecisionRequest, relatedScopes: readonly string[]): Position[] {
    const found = [...this.unfiled];
    take(found, this.bySubject.get(key(subject.type, subject.id)));
    take(found, this.byResource.get(key(resource.type, resource.id)));
    for (const scope of relatedScopes) if (scope !== resource.id) take(found, this.byResource.get(key(resource.type, scope)));
    for (const length of this.prefixLengths.get(resource.type) ?? []) take(found, this.byResourcePrefix.get(key(resource.type, resource.id.slice(0, length))));
    take(found, this.byAction.get(action));
    const concerned = found.filter((position) => {
      const { subjects, actions, resources, organizations } = this.selectors[position]!;
      return (!subjects || subjects.some((match) => matches(match, subject, [])))
        && (!actions || actions.some((match) => matchesName(match, action)))
        && (!resources || resources.some((match) => matches(match, resource, relatedScopes)))
        && (!organizations || organizations.includes(organizationId));
    });
    // One that names several scopes may have been found under more than one of them.
    return [...new Set(concerned)].sort((a, b) => a - b);
  }

  private file({ subjects, actions, resources }: Selector, position: Position): void {
    if (subjects?.every(isExact)) {
      for (const { type, id } of subjects) add(this.bySubject, key(type, id!), position);
    } else if (resources?.every(({ id }) => id !== undefined)) {
      for (const match of resources) this.fileResource(match, position);
    } else if (actions?.every(({ isPrefix }) => !isPrefix)) {
      for (const { name } of actions) add(this.byAction, name, position);
    } else this.unfiled.push(position);
  }

  private fileResource(match: Match, position: Position): void {
    const { type, id = '' } = match;
    if (isExact(match)) {
      add(this.byResource, key(type, id), position);
      return;
    }
    add(this.byResourcePrefix, key(type, id), position);
    this.prefixLengths.set(type, (this.prefixLengths.get(type) ?? new Set()).add(id.length));
  }
}

function isExact({ id, isPrefix }: Match): boolean {
  return id !== undefined && isPrefix !== true;
}

/** No type holds a line break: both rules and requests are checked for control characters. Were there one, the filter would still tell them apart. */
function key(type: string, id: string): string {
  return `${type}\n${id}`;
}

function add(map: Map<string, Position[]>, name: string, position: Position): void {
  const positions = map.get(name);
  if (positions) positions.push(position);
  else map.set(name, [position]);
}

function take(into: Position[], positions: readonly Position[] | undefined): void {
  if (positions) into.push(...positions);
}
