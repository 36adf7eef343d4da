import { Injectable } from '@nestjs/common';
import { Config } from '../../platform/config/config.js';
import type { ConfirmSignOutModel, ConsentModel, ErrorModel, HandOverModel, SignedOutModel, SignInModel } from './page-models.js';
import { renderPage } from './page-templates.js';

/**
 * The server's own pages, as whole HTML documents without a single outside resource. They work without script.
 *
 * Every method takes the nonce that the answer's Content-Security-Policy names; send them with
 * `pageHeaders(nonce, …)` of `page-headers.ts`.
 */
@Injectable()
export class Pages {
  private readonly issuerHost: string;

  constructor(private readonly config: Config) {
    this.issuerHost = new URL(config.issuer).host;
  }

  /** Posts `csrf_token`, `username`, `password`. Send with `formActionOrigins: 'any'`. */
  signIn(nonce: string, model: SignInModel): string {
    return this.render('sign-in', nonce, {
      ...model,
      logo: model.logoUri && this.isOwnImage(model.logoUri) ? model.logoUri : undefined,
      monogram: monogramOf(model.clientName),
      wait: model.retryAfterSeconds === undefined ? undefined : inWords(model.retryAfterSeconds),
    });
  }

  /** Posts `csrf_token` and `decision`, `allow` or `deny`. Send with `formActionOrigins: 'any'`. */
  consent(nonce: string, model: ConsentModel): string {
    const { client, scopes } = model;
    const isRepeat = scopes.some((scope) => !scope.isNew);
    const sensitiveFirst = scopes.toSorted((a, b) => Number(b.isSensitive) - Number(a.isSensitive));
    const added = sensitiveFirst.filter((scope) => scope.isNew);
    return this.render('consent', nonce, {
      ...model,
      monogram: monogramOf(client.name),
      // Nothing new to ask (the client wants the question repeated): then everything is the question.
      asked: added.length > 0 ? added : sensitiveFirst,
      earlier: added.length > 0 ? sensitiveFirst.filter((scope) => !scope.isNew) : [],
      isRepeat,
      isOwnHost: client.redirectHost === this.issuerHost,
      isOnThisDevice: isOnThisDevice(client.redirectHost),
      links: [{ label: 'Privacy policy', uri: client.policyUri }, { label: 'Terms of service', uri: client.tosUri }]
        .filter(({ uri }) => uri && isWebAddress(uri)),
    });
  }

  /** Something went wrong and cannot be told to the client. */
  error(nonce: string, model: ErrorModel): string {
    return this.render('error', nonce, model);
  }

  /** The end of a sign-out, whatever the person chose. */
  signedOut(nonce: string, model: SignedOutModel): string {
    return this.render('signed-out', nonce, model);
  }

  /** Posts `xsrf` and, when the person agrees, `logout=yes`. Send with `formActionOrigins: 'any'`. */
  confirmSignOut(nonce: string, model: ConfirmSignOutModel): string {
    return this.render('confirm-sign-out', nonce, model);
  }

  /** Posts what it is given, by itself where there is script. Send with `allowScript: true` and `formActionOrigins: 'any'`. */
  handOver(nonce: string, model: HandOverModel): string {
    return this.render('hand-over', nonce, { ...model, fields: Object.entries(model.fields) });
  }

  /** The first start. Posts `secret`, `organization_name`, `name`, `email`, `password`. Send with `allowScript: true`. */
  setup(nonce: string): string {
    return this.render('setup', nonce, {});
  }

  /** What stands at `/`. */
  landing(nonce: string): string {
    return this.render('landing', nonce, { issuer: this.config.issuer });
  }

  private render(name: Parameters<typeof renderPage>[0], nonce: string, model: object): string {
    return renderPage(name, { ...model, nonce, issuerHost: this.issuerHost, isEncrypted: this.config.issuer.startsWith('https:') });
  }

  private isOwnImage(uri: string): boolean {
    return /^data:image\/(png|jpeg|gif|webp|avif|svg\+xml)[;,]/i.test(uri) || uri.startsWith(`${this.config.issuer}/`);
  }
}

/** The first letter or digit of a name, to stand for a picture. */
function monogramOf(name: string): string {
  return /[\p{L}\p{N}]/u.exec(name)?.[0].toUpperCase() ?? '?';
}

function inWords(seconds: number): string {
  if (seconds < 60) return seconds === 1 ? '1 second' : `${Math.max(1, Math.ceil(seconds))} seconds`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.ceil(minutes / 60);
  return hours === 1 ? '1 hour' : `${hours} hours`;
}

/** A native application (RFC 8252): a loopback address, or a private-use scheme such as `com.example.app:`. */
function isOnThisDevice(host: string): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host) || host.endsWith(':');
}

/** Only what a browser opens as a web page; `javascript:` and its kin are no links. */
function isWebAddress(uri: string): boolean {
  return URL.canParse(uri) && /^https?:$/.test(new URL(uri).protocol);
}
