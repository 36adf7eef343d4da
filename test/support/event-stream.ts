import { once } from 'node:events';
import { get, type ClientRequest, type IncomingMessage } from 'node:http';
import type { ServerAddress } from './server.js';

export interface StreamedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A client of server-sent events that reads when it is told to. */
export class EventStreamClient {
  readonly events: StreamedEvent[] = [];
  comments = 0;
  hasEnded = false;
  /** Why it ended, when it did not end in order. */
  failure: unknown;
  private buffered = '';

  private constructor(private readonly request: ClientRequest, readonly response: IncomingMessage) {}

  /** On a connection of its own, which fetch would open anew when it is hung up. */
  static async open({ issuer }: Pick<ServerAddress, 'issuer'>, query: string, token: string, headers: Record<string, string> = {}, { reads = true } = {}): Promise<EventStreamClient> {
    const request = get(`${issuer}/api/admin/audit/stream${query}`, { headers: { authorization: `Bearer ${token}`, ...headers }, agent: false });
    const [response] = await once(request, 'response') as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`no stream: ${response.statusCode}`);
    const client = new EventStreamClient(request, response);
    request.on('error', () => undefined);
    response.on('error', (error) => { client.failure = error; });
    response.on('close', () => { client.hasEnded = true; });
    if (reads) client.read();
    return client;
  }

  read(): void {
    this.response.setEncoding('utf8').on('data', (text: string) => this.take(text));
  }

  hangUp(): void {
    this.request.destroy();
  }

  async until(isSo: (client: EventStreamClient) => boolean, seconds = 20): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!isSo(this)) {
      if (Date.now() > deadline) throw new Error(`it never came to be, with ${this.events.length} events: ${JSON.stringify(this.events.slice(-5))}`);
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
  }

  private take(text: string): void {
    const blocks = (this.buffered + text).split('\n\n');
    this.buffered = blocks.pop()!;
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
      if ('' in fields) this.comments += 1;
      if (fields['data'] !== undefined) this.events.push({ id: fields['id']!, event: fields['event']!, data: JSON.parse(fields['data']) as Record<string, unknown> });
    }
  }
}
