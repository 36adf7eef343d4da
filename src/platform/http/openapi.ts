import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { Config } from '../config/config.js';
import { productVersion } from '../config/version.js';
import { ACCESS, type AccessRule } from './access.js';
import { DOCUMENTATION_PATH, documentationPage } from './documentation-page.js';
import { describeAccess, problemSchemas } from './openapi-access.js';
import { describeOperations } from './openapi-operations.js';
import { describeSchemas } from './openapi-schemas.js';

export interface OpenApiOptions {
  /** What scopes mean, by name. Scopes that no route asks for may be among them, such as `openid`. */
  readonly scopeDescriptions?: Readonly<Record<string, string>>;
  /** What the parts of the API are for, by tag, in the order in which they are shown. Parts that are not named come last. */
  readonly tagDescriptions?: Readonly<Record<string, string>>;
}

/** Scopes about the person who signs in (OpenID Connect Core sections 5.4 and 11). */
const IDENTITY_SCOPES = ['openid', 'profile', 'email', 'offline_access'];

/**
 * Describes the REST API (OpenAPI 3.0). Two calls on the same code give the same text: everything that has no meaningful order
 * is sorted. Who may call an operation, and how it is refused, comes from its `@Access`.
 *
 * @throws Error when a route declares no access
 */
export function createOpenApiDocument(app: INestApplication, config: Pick<Config, 'issuer'>, options: OpenApiOptions = {}): OpenAPIObject {
  const rules = accessRules(app);
  const scopes = scopeList(rules.values(), options.scopeDescriptions ?? {});
  const base = new DocumentBuilder()
    .setTitle('Legate')
    .setVersion(productVersion)
    .setDescription('The REST API of Legate, an OAuth 2.1 and OpenID Connect authorization server for AI agents. Protocol endpoints are described by the discovery document, [/.well-known/openid-configuration](/.well-known/openid-configuration).')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .setOpenAPIVersion('3.0.3')
    .addOAuth2({
      type: 'oauth2', description: 'A person signs in (authorization code with PKCE). Public clients such as this page have no `client_secret`: leave it empty.',
      flows: { authorizationCode: { authorizationUrl: `${config.issuer}/api/oauth/authorize`, tokenUrl: `${config.issuer}/api/oauth/token`, refreshUrl: `${config.issuer}/api/oauth/token`, scopes } },
    }, 'authorization_code')
    .addOAuth2({
      type: 'oauth2', description: 'An agent or another client acts for itself, with its own `client_id` and `client_secret`. Without a choice of scopes it gets its default ones.',
      flows: { clientCredentials: { tokenUrl: `${config.issuer}/api/oauth/token`, scopes: withoutIdentity(scopes) } },
    }, 'client_credentials')
    .build();
  const document = SwaggerModule.createDocument(app, base, { operationIdFactory: (controller, method) => `${controller}.${method}` });
  document.components = { ...document.components, schemas: { ...document.components?.schemas, ...problemSchemas } };
  describeAccess(document, rules);
  describeOperations(document);
  describeSchemas(document);
  document.components.schemas = sorted(document.components.schemas!);
  document.paths = sorted(document.paths);
  document.tags = tagList(document, options.tagDescriptions ?? {});
  delete document.info.contact;
  return document;
}

/** Serves the document and Swagger UI. Call it before the application is initialised. */
export function serveOpenApi(app: INestApplication, config: Pick<Config, 'issuer'>, options?: OpenApiOptions): void {
  SwaggerModule.setup(DOCUMENTATION_PATH, app, () => createOpenApiDocument(app, config, options), documentationPage(config));
}

/** The rule of each route, by `Controller.method`, which is how the document's operations are named while it is made. */
function accessRules(app: INestApplication): Map<string, AccessRule> {
  const rules = new Map<string, AccessRule>();
  const owners = new Map<string, unknown>();
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function') continue;
      const known = owners.get(metatype.name);
      if (known !== undefined && known !== metatype) throw new Error(`two controllers are called ${metatype.name}`);
      owners.set(metatype.name, metatype);
      for (const [name, handler] of methodsOf(metatype.prototype as object)) {
        const rule = Reflect.getMetadata(ACCESS, handler) as AccessRule | undefined;
        if (rule) rules.set(`${metatype.name}.${name}`, rule);
      }
    }
  }
  return rules;
}

function methodsOf(prototype: object): [string, object][] {
  const methods: [string, object][] = [];
  for (let level: object | null = prototype; level !== null && level !== Object.prototype; level = Object.getPrototypeOf(level) as object | null) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) if (typeof value === 'function') methods.push([name, value as object]);
  }
  // The nearest definition counts when a base class has one of the same name.
  return methods.reverse();
}

function scopeList(rules: Iterable<AccessRule>, descriptions: Readonly<Record<string, string>>): Record<string, string> {
  const names = new Set(Object.keys(descriptions));
  for (const rule of rules) if (rule.kind === 'scopes') for (const scope of rule.scopes) names.add(scope);
  const api = [...names].filter((name) => !IDENTITY_SCOPES.includes(name)).sort();
  const identity = IDENTITY_SCOPES.filter((name) => name === 'openid' || names.has(name));
  return Object.fromEntries([...identity, ...api].map((name) => [name, descriptions[name] ?? name]));
}

/** There is no person in client_credentials, so nothing about a person can be asked for. */
function withoutIdentity(scopes: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(scopes).filter(([name]) => !IDENTITY_SCOPES.includes(name)));
}

function tagList(document: OpenAPIObject, descriptions: Readonly<Record<string, string>>): { name: string; description?: string }[] {
  const used = new Set(operationTags(document));
  const known = Object.keys(descriptions).filter((name) => used.has(name));
  const others = [...used].filter((name) => !known.includes(name)).sort();
  return [...known.map((name) => ({ name, description: descriptions[name]! })), ...others.map((name) => ({ name }))];
}

function operationTags(document: OpenAPIObject): string[] {
  return Object.values(document.paths).flatMap((item) => Object.values(item as Record<string, { tags?: string[] }>).flatMap((operation) => operation.tags ?? []));
}

function sorted<T>(members: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}
