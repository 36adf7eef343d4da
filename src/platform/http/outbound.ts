import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { Agent as PlainAgent, request as plainRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/config.js';
import { isSpecialUse } from './special-use-address.js';

/** From the first packet to the end of the answer. */
const TIMEOUT_MS = 5000;
/** Bytes: an answer says whether something was taken, and why not. */
const LONGEST_ANSWER = 16 * 1024;
/** To one host. */
const MOST_CONNECTIONS = 8;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

type Resolver = (hostname: string, options: LookupOptions, callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/**
 * Sends to addresses that a caller named, and so may have chosen to reach what only this server reaches:
 *
 * - https alone; in development also http to this machine;
 * - never to an address of special use: every address that a name stands for is looked at where the connection is made, so that
 *   a name cannot change between the look and the use;
 * - no redirect is followed, for it would lead past all of this;
 * - within five seconds, and the answer is read so far and no further.
 */
@Injectable()
export class Outbound implements OnApplicationShutdown {
  private readonly secure = new SecureAgent({ keepAlive: true, maxSockets: MOST_CONNECTIONS, timeout: TIMEOUT_MS });
  private readonly plain = new PlainAgent({ keepAlive: true, maxSockets: MOST_CONNECTIONS, timeout: TIMEOUT_MS });
  private readonly allowsLoopbackHttp: boolean;
  /** How names are resolved: as the system does. */
  resolve: Resolver = (hostname, options, callback) => { lookup(hostname, { ...options, all: true }, callback); };

  constructor(config: Config) {
    this.allowsLoopbackHttp = !config.isProduction;
  }

  /** Why nothing is ever sent to this address, as the end of a sentence; undefined when it can be tried. */
  objectionTo(text: string): string | undefined {
    if (!URL.canParse(text)) return 'is not a URL';
    const url = new URL(text);
    if (url.username + url.password !== '') return 'holds a user name or a password';
    if (url.hash !== '') return 'has a fragment';
    if (this.isOwnMachine(url)) return undefined;
    if (url.protocol !== 'https:') return 'is not an https URL';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) === 0 ? /(^|\.)localhost\.?$/.test(host) : isSpecialUse(host)) return 'leads to an address of special use';
    return undefined;
  }

  /** @throws Error when it cannot be sent, or no answer comes in time; its message names no more than the reason */
  post(target: string, headers: Readonly<Record<string, string>>, body: string): Promise<OutboundAnswer> {
    const objection = this.objectionTo(target);
    if (objection !== undefined) return Promise.reject(new Error(`the address ${objection}`));
    const url = new URL(target);
    const options: RequestOptions = {
      method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) }, signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(this.isOwnMachine(url) ? { agent: this.plain } : { agent: this.secure, lookup: this.publicLookup }),
    };
    return answerTo((url.protocol === 'http:' ? plainRequest : secureRequest)(url, options), body);
  }

  onApplicationShutdown(): void {
    this.secure.destroy();
    this.plain.destroy();
  }

  /** Fails when any address that the name stands for is of special use. What it answers is what is connected to. */
  private readonly publicLookup: LookupFunction = (hostname, options, callback) => {
    this.resolve(hostname, options, (error, addresses) => {
      if (error) callback(error, '');
      else if (addresses.length === 0 || addresses.some(({ address }) => isSpecialUse(address))) callback(new Error('the name leads to an address of special use'), '');
      else if (options.all) callback(null, addresses);
      else callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };

  private isOwnMachine({ protocol, hostname }: URL): boolean {
    return this.allowsLoopbackHttp && protocol === 'http:' && LOOPBACK.has(hostname);
  }
}

function answerTo(request: ClientRequest, body: string): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    // Not once: what is broken off may say so again.
    request.on('error', reject);
    request.once('response', (response: IncomingMessage) => {
      read(response).then((text) => resolve({ status: response.statusCode ?? 0, headers: { 'retry-after': response.headers['retry-after'] }, body: text }), reject);
    });
    request.end(body);
  });
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > LONGEST_ANSWER) break;
  }
  return Buffer.concat(chunks).subarray(0, LONGEST_ANSWER).toString();
}
