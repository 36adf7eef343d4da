import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Config } from '../platform/config/config.js';
import { runWithRequestContext, type RequestContext } from '../platform/http/request-context.js';
import { STRICT_TRANSPORT } from '../platform/http/security-headers.js';
import { PROTOCOL_ROUTES, protocolTarget, type ProtocolTarget } from './protocol-routes.js';

export interface DispatchParts {
  readonly config: Config;
  /** Begins a request: its id, its source, its line in the access log. */
  readonly openRequest: (request: IncomingMessage, response: ServerResponse) => RequestContext;
  /** Does the request go on? Otherwise it came too often, and is answered. */
  readonly admit: (request: IncomingMessage, response: ServerResponse, context: RequestContext, target: ProtocolTarget | undefined) => boolean;
  readonly protocol: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

/**
 * The one place where requests part ways: protocol paths go straight to the protocol engine, before any body parser;
 * everything else to Fastify. What both need (request id, access log, pinned host, limits) happens here, once.
 */
export function dispatchingServer(parts: DispatchParts, rest: RequestListener): Server {
  return createServer((request, response) => {
    const { config, openRequest, admit, protocol } = parts;
    const context = openRequest(request, response);
    runWithRequestContext(context, () => {
      // Whoever answers. What is JSON here must not be taken for a page because of what somebody put into it.
      response.setHeader('x-content-type-options', 'nosniff');
      if (!isHostKnown(config, request)) return refuse(response, 421, 'misdirected_request', 'This server is not the authority for that host.');
      const target = protocolTarget(request.url ?? '/');
      if (!admit(request, response, context, target)) return undefined;
      if (!target) {
        rest(request, response);
        return undefined;
      }
      if (answerMethod(request, response, target)) return undefined;
      pin(config, request, target);
      // The first answer that a person's browser gets from here is often one of these. Programs would not look at it.
      if (config.issuerScheme === 'https' && !target.isBackChannel) response.setHeader('strict-transport-security', STRICT_TRANSPORT);
      return protocol(request, response).catch(() => {
        if (!response.headersSent) refuse(response, 500, 'server_error', 'The request could not be completed.');
        else response.destroy();
      });
    });
  });
}

/** Probes reach a node by its address; everything else has to name a host that is ours. */
function isHostKnown(config: Config, { headers, url = '' }: IncomingMessage): boolean {
  if (/^\/(health|metrics)(\/|\?|$)/.test(url)) return true;
  return headers.host !== undefined && config.hosts.has(headers.host.toLowerCase());
}

/** Methods that the library does not know it would answer with a word of plain text. */
function answerMethod({ method, headers }: IncomingMessage, response: ServerResponse, { methods }: ProtocolTarget): boolean {
  const isKnown = methods.includes(method!);
  if (isKnown && (method !== 'OPTIONS' || headers['access-control-request-method'] !== undefined)) return false;
  const allow = methods.join(', ');
  response.setHeader('allow', allow);
  if (isKnown) response.writeHead(204).end();
  else refuse(response, 405, 'invalid_request', `This address takes ${allow}.`);
  return true;
}

/**
 * The library builds URLs, the audience of assertions and the DPoP `htu` from the Host header: it gets to see the issuer's
 * and no other.
 */
function pin(config: Config, request: IncomingMessage, target: ProtocolTarget): void {
  request.headers.host = config.issuerHost;
  request.headers['x-forwarded-host'] = config.issuerHost;
  request.headers['x-forwarded-proto'] = config.issuerScheme;
  const query = request.url!.indexOf('?');
  request.url = target.path + (query === -1 ? '' : request.url!.slice(query));
  (request as { originalUrl?: string }).originalUrl = request.url;
  if (!target.isBackChannel) return;
  // Errors would turn into a page for who accepts one; introspection alone has a second kind of answer.
  const wantsJwt = target.path === PROTOCOL_ROUTES.introspection && request.headers.accept?.includes('application/token-introspection+jwt');
  request.headers.accept = wantsJwt ? 'application/token-introspection+jwt' : 'application/json';
}

function refuse(response: ServerResponse, status: number, error: string, description: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ error, error_description: description }));
}
