import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { responseModesOf, type ResponseMode } from './provider-internals.js';

/** Errors that the library gives without a word, and what there is to say: whoever builds a client reads it. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  request_uri_not_supported: 'request_uri names an authorization request that was pushed before (RFC 9126), and nothing that would have to be fetched',
  registration_not_supported: 'clients do not register by an authorization request',
};

/** The error with its description. */
export function described<Answer extends { readonly error?: unknown; readonly error_description?: unknown }>(answer: Answer): Answer {
  const description = answer.error_description === undefined ? DESCRIPTIONS[String(answer.error)] : undefined;
  return description === undefined ? answer : { ...answer, error_description: description };
}

/** Describes what a client is told by redirect, whatever the way, and what it is answered. */
export function describeErrors(provider: Provider): void {
  const modes = responseModesOf(provider) as Map<string, ResponseMode>;
  for (const [name, mode] of modes) modes.set(name, (ctx, redirectUri, payload) => mode(ctx, redirectUri, described(payload)));
  provider.use(async (context, next) => {
    await next();
    const { body } = context as KoaContextWithOIDC;
    if (context.status >= 400 && isAnswer(body)) context.body = described(body);
  });
}

function isAnswer(body: unknown): body is { readonly error: unknown } {
  return typeof body === 'object' && body !== null && 'error' in body;
}
