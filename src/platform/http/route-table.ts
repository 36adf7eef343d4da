import { Injectable } from '@nestjs/common';

/** The routes of the REST API, to tell an address that does not exist (404) from one that does not take the method (405). */
@Injectable()
export class RouteTable {
  private readonly routes: { readonly segments: readonly string[]; readonly methods: Set<string> }[] = [];

  /** @param pattern in the router's form: `/api/agents/:id`, `/api/docs/*` */
  add(methods: string | readonly string[], pattern: string): void {
    const segments = pattern.split('/').slice(1);
    let route = this.routes.find((known) => known.segments.join('/') === segments.join('/'));
    if (!route) {
      route = { segments, methods: new Set() };
      this.routes.push(route);
    }
    for (const method of [methods].flat()) route.methods.add(method);
  }

  /** The methods that the address takes, sorted; none when there is no such address. */
  methodsAt(path: string): string[] {
    const segments = path.split('/').slice(1);
    const methods = this.routes.filter((route) => matches(route.segments, segments)).flatMap((route) => [...route.methods]);
    return [...new Set(methods)].sort();
  }
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.at(-1) === '*') return pattern.slice(0, -1).every((part, index) => fits(part, segments[index]));
  return pattern.length === segments.length && pattern.every((part, index) => fits(part, segments[index]));
}

function fits(part: string, segment: string | undefined): boolean {
  return segment !== undefined && (part === segment || (part.startsWith(':') && segment !== ''));
}
