import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A door in front of Redis that can be frozen (what comes is taken, and answered when it thaws), shut and opened again. */
export interface RedisDoor {
  readonly url: string;
  shut(): void;
  freeze(): void;
  thaw(): void;
  reopen(): Promise<void>;
}

/** @param url of Redis; what it says besides host and port is kept */
export async function openDoor(url: string): Promise<RedisDoor> {
  const target = new URL(url);
  let isFrozen = false;
  const sockets = new Set<Socket>();
  const server = createServer((inside) => {
    const outside = connect(Number(target.port || 6379), target.hostname);
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => { sockets.delete(socket); inside.destroy(); outside.destroy(); });
    }
    inside.on('data', (chunk) => { outside.write(chunk); });
    outside.on('data', (chunk) => { inside.write(chunk); });
    if (isFrozen) for (const socket of [inside, outside]) socket.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const inFront = new URL(url);
  Object.assign(inFront, { hostname: '127.0.0.1', port: String(port) });
  return {
    url: inFront.href,
    shut: () => { server.close(); for (const socket of sockets) socket.destroy(); },
    freeze: () => {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    reopen: async () => { server.listen(port, '127.0.0.1'); await once(server, 'listening'); },
  };
}
