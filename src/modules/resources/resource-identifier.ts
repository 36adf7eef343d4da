const LONGEST = 512;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * What is wrong with a resource identifier, or undefined when nothing is. RFC 8707 section 2 asks for an absolute URI
 * without a fragment; we ask for https, or http on loopback, so that a token sent to it is not sent in the clear.
 */
export function resourceIdentifierProblem(identifier: string): string | undefined {
  if (identifier.length > LONGEST) return `must be at most ${LONGEST} characters`;
  // The URL parser would strip or rewrite these, and audiences are compared character by character.
  if (!/^[\x21-\x7E]+$/.test(identifier) || /[\\"<>^`{|}]/.test(identifier)) return 'must be an absolute URI in ASCII, other characters percent-encoded';
  if (!URL.canParse(identifier) || !/^https?:\/\/[^/]/i.test(identifier)) return 'must be an absolute https URI';
  const url = new URL(identifier);
  if (url.protocol !== 'https:' && !LOOPBACK.has(url.hostname)) return 'must use https, or http on a loopback address';
  if (identifier.includes('#')) return 'must not have a fragment';
  if (url.username !== '' || url.password !== '' || /^https?:\/\/[^/?]*@/i.test(identifier)) return 'must not have user information';
  if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(identifier.replace(/[?].*$/, ''))) return 'must not have dot segments';
  return undefined;
}
