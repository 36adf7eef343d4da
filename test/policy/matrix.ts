/** The columns of the access matrix. */
export const ROLES = ['anonymous', 'member', 'admin', 'owner', 'agent', 'client', 'platform administrator'] as const;
export type MatrixRole = typeof ROLES[number];

export interface MatrixRow {
  /** `GET /api/agents` */
  readonly route: string;
  /** Scopes, or what else the route asks for. */
  readonly rule: string;
  /** In the order of `ROLES`. */
  readonly outcomes: readonly string[];
}

const PREAMBLE = `Who may call what. Each route was called as each role, on a running server, with ids of nothing and an empty body.

401, 403   the answer was that status
allowed    anything else: the request got past access, and found nothing or was not valid

anonymous  sends no token
member, admin, owner   people with that role, whose tokens carry all that it allows
agent      an agent that may read the demo's stocks and nothing else
client     a client whose token carries exactly the scopes that the route names (where it names none: the agent's)
platform administrator   the person who set the installation up

Made by access-matrix.spec.ts; UPDATE_ACCESS_MATRIX=1 writes it anew.
`;

/** The matrix as text: one line a route, sorted, columns aligned. */
export function matrixText(rows: readonly MatrixRow[]): string {
  const sorted = [...rows].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const table = [['route', 'rule', ...ROLES], ...sorted.map(({ route, rule, outcomes }) => [route, rule, ...outcomes])];
  const widths = table[0]!.map((_name, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd());
  return `${PREAMBLE}\n${lines.join('\n')}\n`;
}

function sortKey({ route }: MatrixRow): string {
  const [method, path] = route.split(' ');
  return `${path} ${method}`;
}

/** Lines that one text has and the other has not, as a diff; empty when both say the same, however wide their columns. */
export function differences(committed: string, actual: string): string {
  const former = plainLines(committed);
  const present = plainLines(actual);
  const gone = former.filter((line) => !present.includes(line)).map((line) => `- ${line}`);
  const added = present.filter((line) => !former.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...added].sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1)).join('\n');
}

function plainLines(text: string): string[] {
  return text.split('\n').map((line) => line.replaceAll(/ {2,}/g, '  ').trimEnd()).filter((line) => line !== '');
}
