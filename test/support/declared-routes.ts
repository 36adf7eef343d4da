import 'reflect-metadata';
import { RequestMethod, type DynamicModule, type ForwardReference, type Type } from '@nestjs/common';
import { METHOD_METADATA, MODULE_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { loadConfig } from '../../src/platform/config/load-config.js';
import { ACCESS, type AccessRule } from '../../src/platform/http/access.js';
import { createLog } from '../../src/platform/logging/create-log.js';
import { silenceRuntimeNotice } from '../../src/runtime-notice.js';

/** A method of a controller that answers requests. */
export interface DeclaredRoute {
  /** `GET`, … */
  readonly method: string;
  /** As the OpenAPI document writes it: `/api/agents/{id}`. */
  readonly path: string;
  /** `AgentsController.list` */
  readonly handler: string;
  /** Undefined when the method declares none, which is a mistake. */
  readonly access: AccessRule | undefined;
}

type Importable = Type<unknown> | DynamicModule | ForwardReference | Promise<DynamicModule>;

/** Every route that a server with default settings has through controllers: those of the API and those of the pages. */
export async function declaredRoutes(): Promise<DeclaredRoute[]> {
  silenceRuntimeNotice();
  const { AppModule } = await import('../../src/app.module.js');
  const config = loadConfig({});
  return routesOf(AppModule.forRoot(config, createLog(config, { write: () => undefined })));
}

/** Every route of the controllers of a module and of all that it imports, sorted by path. Nothing is started. */
export async function routesOf(root: Importable): Promise<DeclaredRoute[]> {
  const controllers = new Set<Type<unknown>>();
  await collect(root, controllers, new Set());
  return [...controllers].flatMap(routesOfController).sort((a, b) => (`${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1));
}

/** @returns the routes that declare no access, as people would name them */
export function undeclared(routes: readonly DeclaredRoute[]): string[] {
  return routes.filter(({ access }) => !access).map(({ method, path, handler }) => `${method} ${path} (${handler})`);
}

async function collect(given: Importable, controllers: Set<Type<unknown>>, seen: Set<unknown>): Promise<void> {
  const item = await given;
  if (seen.has(item)) return;
  seen.add(item);
  if ('forwardRef' in item) return collect(item.forwardRef() as Importable, controllers, seen);
  const isDynamic = 'module' in item;
  const type = isDynamic ? item.module : item;
  for (const controller of [...fromMetadata<Type<unknown>>(MODULE_METADATA.CONTROLLERS, type), ...(isDynamic ? item.controllers ?? [] : [])]) controllers.add(controller);
  for (const imported of [...fromMetadata<Importable>(MODULE_METADATA.IMPORTS, type), ...(isDynamic ? item.imports ?? [] : [])]) await collect(imported, controllers, seen);
}

function fromMetadata<T>(key: string, type: object): T[] {
  return (Reflect.getMetadata(key, type) as T[] | undefined) ?? [];
}

function routesOfController(controller: Type<unknown>): DeclaredRoute[] {
  const prefixes = paths(Reflect.getMetadata(PATH_METADATA, controller) as string | string[]);
  return methodsOf(controller.prototype as object).flatMap(([name, method]) => {
    const verb = Reflect.getMetadata(METHOD_METADATA, method) as RequestMethod | undefined;
    if (verb === undefined) return [];
    const access = Reflect.getMetadata(ACCESS, method) as AccessRule | undefined;
    return prefixes.flatMap((prefix) => paths(Reflect.getMetadata(PATH_METADATA, method) as string | string[]).map((path) => (
      { method: RequestMethod[verb], path: inDocument(`${prefix}/${path}`), handler: `${controller.name}.${name}`, access })));
  });
}

function methodsOf(prototype: object): [string, object][] {
  const methods = new Map<string, object>();
  for (let level: object | null = prototype; level !== null && level !== Object.prototype; level = Object.getPrototypeOf(level) as object | null) {
    // The nearest definition counts.
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) if (typeof value === 'function' && !methods.has(name)) methods.set(name, value as object);
  }
  return [...methods];
}

function paths(path: string | string[] | undefined): string[] {
  return [path ?? ''].flat();
}

function inDocument(path: string): string {
  return `/${path.split('/').filter((part) => part !== '').map((part) => part.replace(/^:(\w+)$/, '{$1}')).join('/')}`;
}
