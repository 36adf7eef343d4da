import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One kind of request, as it goes over the wire. */
export interface Asked {
  readonly name: string;
  readonly request: () => string;
}

export interface Answered {
  readonly name: string;
  readonly statuses: ReadonlyMap<number, number>;
  /** From the moment at which each was due, of those that were due in each quarter of the time. Milliseconds, in order. */
  readonly quarters: readonly number[][];
  readonly withoutRetryAfter: number;
  readonly withoutAnswer: number;
}

interface Connection {
  readonly socket: Socket;
  text: string;
  done?: (head: string | undefined) => void;
}

const TICK_MS = 10;
const OPENED_AT_ONCE = 20;
const PATIENCE_MS = 30_000;
const HEAD_END = '\r\n\r\n';

/** Connections that stay open, as those of the proxies in front of a server do. */
export class OpenLoop {
  private readonly idle: Connection[] = [];
  private readonly all: Connection[] = [];

  constructor(private readonly port: number) {}

  async open(connections: number): Promise<void> {
    while (this.all.length < connections) await Promise.all(Array.from({ length: OPENED_AT_ONCE }, () => this.openOne()));
  }

  close(): void {
    for (const { socket } of this.all) socket.destroy();
  }

  /**
   * Sends so many requests a second, whether or not those before them were answered, as very many clients together do that know
   * nothing of each other. Resolves when all were answered.
   */
  async send({ name, request }: Asked, perSecond: number, seconds: number): Promise<Answered> {
    const statuses = new Map<number, number>();
    const quarters: number[][] = [[], [], [], []];
    let [sent, answered, withoutRetryAfter, withoutAnswer] = [0, 0, 0, 0];
    const begun = performance.now();
    const noted = (due: number) => (head: string | undefined) => {
      answered += 1;
      if (head === undefined) {
        withoutAnswer += 1;
        return;
      }
      const status = Number(head.slice(9, 12));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      quarters[Math.min(3, Math.floor((due - begun) / (seconds * 250)))]!.push(performance.now() - due);
      if ((status === 429 || status === 503) && !/\r\nretry-after: \d/i.test(head)) withoutRetryAfter += 1;
    };
    const most = Math.floor(seconds * perSecond);
    const isDone = () => answered >= most;
    for (const deadline = begun + seconds * 1000 + PATIENCE_MS; !isDone() && performance.now() < deadline;) {
      const due = Math.min(most, Math.floor((performance.now() - begun) / 1000 * perSecond));
      for (let connection = sent < due ? this.idle.pop() : undefined; connection; connection = sent < due ? this.idle.pop() : undefined) {
        connection.done = noted(begun + sent / perSecond * 1000);
        connection.socket.write(request());
        sent += 1;
      }
      await new Promise((resolve) => { setTimeout(resolve, TICK_MS); });
    }
    return { name, statuses, quarters: quarters.map((waits) => waits.sort((one, other) => one - other)), withoutRetryAfter, withoutAnswer: withoutAnswer + most - answered };
  }

  private async openOne(): Promise<void> {
    const connection: Connection = { socket: connect(this.port, '127.0.0.1').setNoDelay(), text: '' };
    this.all.push(connection);
    await once(connection.socket, 'connect');
    connection.socket.on('data', (chunk: Buffer) => {
      connection.text += chunk.toString('latin1');
      const head = connection.text.indexOf(HEAD_END);
      if (head < 0 || !isWhole(connection.text, head)) return;
      const { text, done } = connection;
      Object.assign(connection, { text: '', done: undefined });
      this.idle.push(connection);
      done?.(text.slice(0, head));
    });
    connection.socket.on('error', () => undefined);
    connection.socket.on('close', () => connection.done?.(undefined));
    this.idle.push(connection);
  }
}

/** Is the body there, behind a head that ends here? */
function isWhole(text: string, head: number): boolean {
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1];
  return length === undefined ? text.endsWith('0\r\n\r\n') : text.length >= head + HEAD_END.length + Number(length);
}
