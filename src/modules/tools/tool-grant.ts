/** A tool that an agent may call, as issuance and the check of a call need it. */
export interface AssignedTool {
  readonly id: string;
  /** Unique in the organization. */
  readonly name: string;
  /** Scopes, all of which a token has to cover for this tool. */
  readonly permissionsRequired: readonly string[];
  /** The API or MCP server that offers it (RFC 8707); null when any may. */
  readonly resourceIdentifier: string | null;
  /** Millionths of a US dollar a call. */
  readonly costMicros: number;
}

/** What a token is about to say, as far as it decides over tools. */
export interface ToolRequest {
  /** Identifier of the resource that the token is for. */
  readonly audience: string;
  readonly scopes: ReadonlySet<string>;
  /** The rules of coverage among scopes that apply there. */
  readonly graph: { covers(held: ReadonlySet<string>, wanted: string): boolean };
  /** Names of the tools that the token is asked to be good for, no more and no fewer; undefined asks for as many as there are. */
  readonly required?: readonly string[];
}

/**
 * Which of an agent's tools a token is good for: those of the resource that it is for, and those of none, whose permissions its
 * scopes cover.
 *
 * @param tools the active ones that are assigned to the agent
 * @returns the tools in their order, or the names of required ones that the token cannot have: one is enough to refuse it
 */
export function toolGrant(tools: readonly AssignedTool[], { audience, scopes, graph, required }: ToolRequest): { granted: AssignedTool[] } | { missing: string[] } {
  const eligible = tools.filter((tool) => isGoodFor(tool, audience) && tool.permissionsRequired.every((scope) => graph.covers(scopes, scope)));
  if (required === undefined) return { granted: eligible };
  const names = new Set(eligible.map(({ name }) => name));
  const missing = [...new Set(required)].filter((name) => !names.has(name));
  return missing.length > 0 ? { missing } : { granted: eligible.filter(({ name }) => required.includes(name)) };
}

function isGoodFor({ resourceIdentifier }: AssignedTool, audience: string): boolean {
  return resourceIdentifier === null || resourceIdentifier === audience;
}
