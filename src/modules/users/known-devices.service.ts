import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { epochSeconds } from '../../kernel/clock.js';
import { isId, newId } from '../../kernel/ids.js';
import { Config } from '../../platform/config/config.js';
import { MasterKey } from '../../platform/crypto/master-key.js';

/** Seconds. */
const KNOWN_FOR = 90 * 24 * 3600;
/** People who share a browser. Those who used it longest ago are forgotten first. */
const MOST_PEOPLE = 4;

/** One person's sign-in with one browser. */
interface KnownDevice {
  readonly accountId: string;
  /** Unique to the sign-in. */
  readonly id: string;
  readonly text: string;
}

/**
 * Cookies by which a browser shows that somebody signed in with it before (OWASP: device cookies). Such a cookie signs nobody in. It is
 * worth attempts of its own, so that whoever guesses at somebody's password elsewhere uses up nothing that the person needs.
 *
 * `<account>.<sign-in>.<until>.<mac>` for each person, newest first, joined by `~`: two ids, NumericDate, HMAC-SHA-256 in base64url.
 */
@Injectable()
export class KnownDevices {
  private readonly key: Buffer;
  private readonly isSecure: boolean;
  private readonly name: string;

  constructor(masterKey: MasterKey, config: Config) {
    this.key = masterKey.derive('known-devices');
    this.isSecure = config.issuer.startsWith('https:');
    this.name = this.isSecure ? '__Host-legate_device' : 'legate_device';
  }

  /**
   * The `Set-Cookie` header for a browser with which somebody has just signed in.
   *
   * @param cookies the `Cookie` header it sent
   */
  remember(accountId: string, cookies: string | undefined): string {
    const others = this.read(cookies).filter((device) => device.accountId !== accountId).slice(0, MOST_PEOPLE - 1);
    const claims = `${accountId}.${newId()}.${epochSeconds() + KNOWN_FOR}`;
    const value = [`${claims}.${this.mac(claims)}`, ...others.map(({ text }) => text)].join('~');
    return `${this.name}=${value}; Path=/; Max-Age=${KNOWN_FOR}; HttpOnly; SameSite=Lax${this.isSecure ? '; Secure' : ''}`;
  }

  /** Names the sign-in of this person with this browser; undefined when there was none. */
  signInOf(accountId: string, cookies: string | undefined): string | undefined {
    return this.read(cookies).find((device) => device.accountId === accountId)?.id;
  }

  /** Who signed in with this browser last; undefined when nobody did. */
  lastPerson(cookies: string | undefined): string | undefined {
    return this.read(cookies)[0]?.accountId;
  }

  /** What the cookie says and was said by us. */
  private read(cookies: string | undefined): KnownDevice[] {
    const prefix = `${this.name}=`;
    const cookie = cookies?.split(';').map((part) => part.trim()).find((part) => part.startsWith(prefix));
    return (cookie?.slice(prefix.length).split('~', MOST_PEOPLE) ?? []).flatMap((text): KnownDevice[] => {
      const [accountId = '', id = '', until = '', mac = ''] = text.split('.');
      const expected = this.mac(`${accountId}.${id}.${until}`);
      const isOurs = mac.length === expected.length && timingSafeEqual(Buffer.from(mac), Buffer.from(expected));
      return isOurs && isId(accountId) && Number(until) > epochSeconds() ? [{ accountId, id, text }] : [];
    });
  }

  private mac(claims: string): string {
    return createHmac('sha256', this.key).update(claims).digest('base64url');
  }
}
