/**
 * Keeps secrets out of logs, twice: by the name of what is logged, at any depth, and by what a secret looks like, in any
 * text. Pure, so that it can be tested without a logger.
 */
const HIDDEN = '[hidden]';

const DEEPEST = 8;
const MOST_MEMBERS = 100;
const LONGEST_TEXT = 8192;

/** Names that hold secrets, in lower case without separators. Anything that ends with one of ENDINGS does too. */
const NAMES = new Set([
  'authorization', 'proxyauthorization', 'dpop', 'code', 'pin', 'otp', 'totp', 'passwd', 'passphrase', 'pwd', 'codeverifier', 'usercode', 'devicecode',
  'recoverycode', 'recoverycodes', 'credentials', 'idtokenhint', 'logintokenhint', 'masterkey', 'pepper', 'samlresponse', 'authreqid', 'tokens', 'secrets',
  'passwords', 'cookies',
]);
const ENDINGS = /(?:token|secret|password|cookie|assertion|apikey|privatekey|verifier)$/;
/** Private members of a JSON Web Key (RFC 7518 section 6). */
const PRIVATE_KEY_MEMBERS = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']);
/** `ECONNREFUSED`, `FST_ERR_BAD_URL`, SQLSTATE: codes of errors, which are worth reading, unlike authorization codes. */
const ERROR_CODE = /^(?:[0-9A-Z]{5}|[A-Z][A-Z0-9_]{2,60})$/;

const seenNames = new Map<string, boolean>();

/** Does a member of this name hold a secret, however it is spelled (`client_secret`, `clientSecret`, `X-Api-Key`)? */
export function isSecretName(name: string): boolean {
  let isSecret = seenNames.get(name);
  if (isSecret === undefined) {
    const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '').replace(/^x(?=api|auth)/, '');
    isSecret = NAMES.has(plain) || ENDINGS.test(plain);
    // Names come from code and from parameters; the second kind must not fill the memory.
    if (seenNames.size < 2000) seenNames.set(name, isSecret);
  }
  return isSecret;
}

/**
 * Hides whatever looks like a secret in a text. Works on single values and on whole lines of JSON alike: what it takes out
 * never ends inside an escape sequence, and `\n` written as two characters counts as the end of a word.
 *
 * Every pattern takes time in proportion to the text: it is fed with what attackers send.
 */
export function redactText(text: string): string {
  let result = text;
  // Searching for a fixed word first costs a tenth of trying the pattern, and nearly every line holds none of them.
  if (result.includes('lgt_')) result = result.replace(/lgt_([a-z]+)_(?:([0-9A-Za-z]{12})_)?[0-9A-Za-z_-]+/g, (_, kind: string, prefix?: string) => `lgt_${kind}_${prefix ? `${prefix}_` : ''}${HIDDEN}`);
  if (result.includes('eyJ')) result = result.replace(/[\w.-]{20,}/g, hideTokens);
  if (result.includes('=')) result = result.replace(/(\\[nrt]|(?<![\w.-]))([A-Za-z][\w.-]{1,39})=([^&\s"'\\;,]+)/g, (whole, before: string, name: string) => (isSecretName(name) ? `${before}${name}=${HIDDEN}` : whole));
  if (result.includes('://')) result = result.replace(/([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@"\\]{0,256}):[^\s@"\\]{1,256}@/gi, `$1:${HIDDEN}@`);
  if (/earer |asic |pop /i.test(result)) result = result.replace(/(Bearer|Basic|DPoP)\s+[A-Za-z0-9+/_.~=-]{16,}/gi, `$1 ${HIDDEN}`);
  if (result.includes('PRIVATE KEY')) result = result.replace(/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^"\\]|\\[^"])*?(?:-----END [A-Z ]{0,40}-----|(?=\\?"|\\?$))/g, HIDDEN);
  // JSON inside a text, such as a request body quoted by a parser's error message.
  if (result.includes('\\"')) result = result.replace(/\\"([\w.-]{2,40})\\"\s{0,4}:\s{0,4}\\"[^"\\]*/g, (whole, name: string) => (isSecretName(name) ? `\\"${name}\\":\\"${HIDDEN}` : whole));
  return result;
}

/** Compact JWS and JWE start with the base64url of `{"`. */
function hideTokens(run: string): string {
  const start = run.indexOf('eyJ');
  return start >= 0 && run.indexOf('.', start) > 0 ? run.slice(0, start) + HIDDEN : run;
}

/** A copy that is safe to write: secrets hidden by name, bounded in depth, width and length, without cycles. */
export function redactFields(fields: object): Record<string, unknown> {
  return copyMembers(fields, 0, []);
}

function copy(value: unknown, depth: number, above: readonly object[]): unknown {
  switch (typeof value) {
    case 'string': return value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}… (${value.length} characters)` : value;
    case 'bigint': return value.toString();
    case 'function': case 'symbol': return undefined;
    case 'object': return value === null ? null : copyObject(value, depth, above);
    default: return value;
  }
}

function copyObject(value: object, depth: number, above: readonly object[]): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (above.includes(value)) return '[circular]';
  if (depth >= DEEPEST) return '[deeper]';
  const path = [...above, value];
  if (value instanceof Error) return copyError(value, depth, path);
  if (value instanceof Map) return copyMembers(Object.fromEntries(value), depth, path);
  if (value instanceof Set || Array.isArray(value)) {
    const items = [...value];
    const copies = items.slice(0, MOST_MEMBERS).map((item) => copy(item, depth + 1, path));
    return items.length > MOST_MEMBERS ? [...copies, `… (${items.length} items)`] : copies;
  }
  return copyMembers(value, depth, path);
}

/** The members that tell what went wrong. A query's parameters are left out: they are what people and clients sent. */
function copyError(error: Error, depth: number, above: readonly object[]): Record<string, unknown> {
  const { parameters: _parameters, driverError, ...members } = error as Error & Record<string, unknown>;
  const own = copyMembers(members, depth, above);
  if (typeof members['code'] === 'string') own['code'] = members['code'].slice(0, 100);
  const cause = error.cause ?? driverError;
  return {
    type: error.constructor.name === 'Error' ? error.name : error.constructor.name,
    ...own,
    message: copy(error.message, depth, above),
    stack: copy(error.stack, depth, above),
    ...(error instanceof AggregateError ? { errors: copy(error.errors, depth + 1, above) } : {}),
    ...(cause === undefined ? {} : { cause: copy(cause, depth + 1, above) }),
  };
}

function copyMembers(members: object, depth: number, above: readonly object[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const isKey = 'kty' in members;
  let count = 0;
  for (const name of Object.keys(members)) {
    if ((count += 1) > MOST_MEMBERS) {
      result['…'] = 'more members';
      break;
    }
    const value = (members as Record<string, unknown>)[name];
    if (value === undefined) continue;
    result[name] = isHidden(name, value) || (isKey && PRIVATE_KEY_MEMBERS.has(name)) ? HIDDEN : copy(value, depth + 1, above);
  }
  return result;
}

function isHidden(name: string, value: unknown): boolean {
  if (value === null || typeof value === 'boolean' || !isSecretName(name)) return false;
  return !(name === 'code' && typeof value === 'string' && ERROR_CODE.test(value));
}
