import type { OpenAPIObject } from '@nestjs/swagger';
import type { AccessRule } from './access.js';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;
type Responses = Operation['responses'];
type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;

/** Schemas of the answers that every operation shares: problem details (RFC 9457). */
export const problemSchemas: Readonly<Record<string, Schema>> = {
  FieldProblem: {
    type: 'object', required: ['field', 'message'],
    properties: {
      field: { type: 'string', description: 'Path of the field, `scopes.0` for the first of a list.', example: 'agent_name' },
      message: { type: 'string', example: 'agent_name should not be empty' },
    },
  },
  Problem: {
    type: 'object', required: ['type', 'title', 'status', 'detail', 'code'], description: 'Problem details (RFC 9457).',
    properties: {
      type: { type: 'string', example: 'about:blank' },
      title: { type: 'string', description: 'The status in words.', example: 'Bad Request' },
      status: { type: 'integer', example: 400 },
      detail: { type: 'string', description: 'One sentence for people.', example: 'agent_name should not be empty.' },
      code: { type: 'string', description: 'For programs: stable.', example: 'invalid_request' },
      instance: { type: 'string', description: 'Id of the request, as in the x-request-id header.', example: '0199f3a1-7c1e-7b1c-9d3e-5a2f6b8c0d1e' },
      errors: { type: 'array', items: { $ref: '#/components/schemas/FieldProblem' }, description: 'What is wrong with which field.' },
    },
  },
};

/**
 * Writes into each operation how it is called and refused, and gives it its final id, `agents_list` for
 * `AgentsController.list`.
 *
 * @param rules by `Controller.method`, the ids that the operations have until now
 * @throws Error when an operation declares no access
 */
export function describeAccess(document: OpenAPIObject, rules: ReadonlyMap<string, AccessRule>): void {
  const ids = new Map<string, string>();
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const route = `${method.toUpperCase()} ${path}`;
      const rule = rules.get(operation.operationId ?? '');
      if (!rule) throw new Error(`${route} declares no @Access`);
      operation.operationId = uniqueId(operation.operationId!, method, ids, route);
      operation.security = securityOf(rule, operation);
      operation.responses = { ...operation.responses, ...refusals(operation, rule, path) };
    }
  }
}

/** One method may serve several addresses, or several verbs: the later ones are told apart by their verb, then by a number. */
function uniqueId(name: string, method: string, ids: Map<string, string>, route: string): string {
  const [controller = '', handler = ''] = name.split('.');
  const plain = `${snakeCase(controller.replace(/Controller$/, ''))}_${snakeCase(handler)}`;
  const candidates = [plain, `${plain}_${method}`, ...Array.from({ length: 20 }, (_, index) => `${plain}_${method}_${index + 2}`)];
  const id = candidates.find((candidate) => !ids.has(candidate));
  if (id === undefined) throw new Error(`${route} is one of too many addresses of one method`);
  ids.set(id, route);
  return id;
}

function snakeCase(name: string): string {
  return name.replace(/(?<=[a-z0-9])([A-Z])/g, '_$1').toLowerCase();
}

/** A public route that also takes a token says so with `@ApiSecurity`; the empty requirement makes it optional. */
function securityOf(rule: AccessRule, { security = [] }: Operation): Record<string, string[]>[] {
  if (rule.kind === 'public') return security.length > 0 ? [{}, ...security] : [];
  const scopes = rule.kind === 'scopes' ? [...rule.scopes] : [];
  return [{ authorization_code: scopes }, { client_credentials: scopes }];
}

/** Answers that the route did not describe itself. */
function refusals(operation: Operation, rule: AccessRule, path: string): Responses {
  const answers: Record<string, string> = { default: 'Anything else that went wrong.' };
  if (operation.requestBody || (operation.parameters?.length ?? 0) > 0) answers['400'] = 'The request is not valid; `errors` says which fields are wrong.';
  if (rule.kind !== 'public') answers['401'] = 'No access token, or one that is not valid here or no longer.';
  if (rule.kind === 'scopes') answers['403'] = `The access token lacks ${rule.scopes.join(' ')}, or the caller may not do this.`;
  if (path.includes('{')) answers['404'] = 'It does not exist, or the caller may not see it.';
  return Object.fromEntries(Object.entries(answers).filter(([status]) => !(status in operation.responses)).map(([status, description]) => [
    status, { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } },
  ]));
}
