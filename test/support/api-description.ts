import { call } from './api.js';
import type { ServerAddress } from './server.js';

/** As much of OpenAPI 3.0 as the tests read. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

export interface ApiOperation {
  /** `GET`, … */
  readonly method: string;
  /** `/api/agents/{id}` */
  readonly path: string;
  /** Undefined when anybody may call it. */
  readonly scopes?: readonly string[];
  readonly queryParameters: readonly { readonly name: string; readonly schema: Schema }[];
  /** Of the JSON body, with references resolved. */
  readonly body?: Schema;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, {
    readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
    readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: Schema }[];
    readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Every operation that the server's own description names. */
export async function describedOperations(server: Pick<ServerAddress, 'issuer'>): Promise<ApiOperation[]> {
  const { body: document } = await call<Document>(server, 'GET', '/api/openapi.json');
  const resolve = (schema: Schema): Schema => {
    if (schema.$ref) return resolve(document.components.schemas[schema.$ref.split('/').at(-1)!]!);
    if (schema.allOf?.length === 1) return resolve(schema.allOf[0]!);
    return schema;
  };
  return Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]): ApiOperation => {
    const security = operation.security ?? [];
    const isPublic = security.length === 0 || security.some((alternative) => Object.keys(alternative).length === 0);
    const body = operation.requestBody?.content['application/json']?.schema;
    return {
      method: method.toUpperCase(), path,
      scopes: isPublic ? undefined : security[0]?.['authorization_code'],
      queryParameters: (operation.parameters ?? []).filter((parameter) => parameter.in === 'query'),
      body: body && resolve(body),
    };
  }));
}

/** The names of a path's parameters, each with the path up to it: `/api/agents/{id}`. */
export function parametersOf(path: string): string[] {
  const parts = path.split('/');
  return parts.flatMap((part, index) => (part.startsWith('{') ? [parts.slice(0, index + 1).join('/')] : []));
}

/** Puts values in the place of a path's parameters, in their order. */
export function withParameters(path: string, values: readonly string[]): string {
  let next = 0;
  return path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(values[next++]!));
}
