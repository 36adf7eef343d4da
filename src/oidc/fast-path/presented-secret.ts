import type { PlainForm } from './plain-form.js';

export interface PresentedSecret {
  readonly clientId: string;
  readonly secret: string;
}

const BASIC = /^basic ([A-Za-z0-9+/]+={0,2})$/i;
const PRINTABLE = /^[\x20-\x7E]+$/;

/**
 * The client's id and secret as RFC 6749 section 2.3.1 has them sent: in the Authorization header, or in the form. Undefined for
 * every other way to prove who one is, for two ways at once, and for whatever is not plainly one of these.
 */
export function presentedSecret(authorization: string | undefined, form: PlainForm): PresentedSecret | undefined {
  const { client_id: named, client_secret: sent } = form;
  if (form['client_assertion'] !== undefined || form['client_assertion_type'] !== undefined) return undefined;
  if (authorization === undefined) return named !== undefined && sent !== undefined ? { clientId: named, secret: sent } : undefined;
  if (sent !== undefined) return undefined;
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined;
  const credentials = Buffer.from(encoded, 'base64').toString();
  const colon = credentials.indexOf(':');
  const clientId = formDecoded(credentials.slice(0, Math.max(colon, 0)));
  const secret = formDecoded(credentials.slice(colon + 1));
  if (clientId === undefined || secret === undefined || (named !== undefined && named !== clientId)) return undefined;
  return { clientId, secret };
}

/** Both parts travel form-encoded inside the header. */
function formDecoded(text: string): string | undefined {
  if (!PRINTABLE.test(text)) return undefined;
  if (!/[%+]/.test(text)) return text;
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', '%20'));
    return PRINTABLE.test(decoded) ? decoded : undefined;
  } catch {
    return undefined;
  }
}
