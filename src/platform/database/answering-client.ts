import { Client, type ClientConfig } from 'pg';

/** The code makes it read like any other connection that was lost. */
class DatabaseSilent extends Error {
  readonly code = 'ETIMEDOUT';
}

type Connected = (error: Error | null) => void;

/**
 * Connections of one pool on which an answer comes in time, or which are closed, and whose loss is an error of whoever asks alone.
 *
 * 1. node-postgres has such a limit itself (`query_timeout`), but hands the connection on with its question still open. When a
 *    server that hung goes on and takes up a `START TRANSACTION` that nobody waits for any more, whoever has that connection
 *    next would write into a transaction that never commits, and acknowledge what is then lost. Here it is closed.
 * 2. Once the server was silent, or could not be reached, nobody waits for a new connection until one was made again: they
 *    are told at once. Their asking has one made beside them, which finds out when the outage is over.
 *
 * 3. A server that goes away says so, perhaps twice, and perhaps to a connection that somebody holds and asks nothing on, where
 *    node-postgres has nobody listen: that would end the process. Whoever asks next on it is refused, and the pool drops it.
 *
 * @param limitMs for one statement
 */
export function answeringWithin(limitMs: number): typeof Client {
  /** Why nothing can be asked, for as long as it seems so. */
  let lost: Error | undefined;
  let isProbed = false;

  const probe = (settings: ClientConfig) => {
    if (isProbed) return;
    isProbed = true;
    const client = new Client(settings);
    client.on('error', () => undefined);
    client.connect().then(() => { lost = undefined; }, () => undefined).finally(() => {
      isProbed = false;
      return client.end();
    }).catch(() => undefined);
  };

  return class AnsweringClient extends Client {
    private patience?: NodeJS.Timeout;

    constructor(private readonly settings: ClientConfig) {
      super(settings);
      const calm = () => {
        clearTimeout(this.patience);
        this.patience = undefined;
      };
      // Each statement ends with the first of these; the second comes when no other waits behind it.
      this.connection.on('readyForQuery', () => {
        lost = undefined;
        this.patience?.refresh();
      });
      this.on('drain', calm);
      this.on('end', calm);
      this.on('error', () => undefined);
    }

    /** With a callback, as the pool has it, or for a promise. */
    override connect(...[connected]: never[]): never {
      const attempt = (settle: Connected) => {
        if (!lost) {
          super.connect((error: Error | null) => {
            lost = error ?? undefined;
            settle(error);
          });
          return;
        }
        probe(this.settings);
        process.nextTick(settle, new DatabaseSilent('the database did not answer when it was asked last', { cause: lost }));
      };
      if (connected) return attempt(connected) as never;
      return new Promise<void>((resolve, reject) => { attempt((error) => (error ? reject(error) : resolve())); }) as never;
    }

    /** Every form that it is called in passes through: this type is assignable to all of them. */
    override query(...question: never[]): never {
      this.patience ??= setTimeout(() => {
        lost = new DatabaseSilent(`the database did not answer within ${limitMs} ms`);
        this.connection.stream.destroy(lost);
      }, limitMs);
      return super.query(...question as [never]);
    }
  } as typeof Client;
}
