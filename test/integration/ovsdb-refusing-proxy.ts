import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { JsonStream } from '../../flows/ovsdb/index.ts';
import type { JsonObject } from '../../flows/ovsdb/index.ts';

/** Stands before a real ovsdb-server and refuses some methods, as an older server does. */
export class RefusingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly path: string;

  constructor(path: string, serverPath: string, refused: ReadonlySet<string>) {
    this.path = path;
    this.#server = createServer((near) => this.#join(near, connect({ path: serverPath }), refused));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.path, resolve));
    return this;
  }

  /** Ends every connection; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    this.cut();
  }

  #join(near: Socket, far: Socket, refused: ReadonlySet<string>): void {
    const stream = new JsonStream();
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    far.pipe(near);
    near.on('data', (chunk) => {
      for (const value of stream.push(chunk)) {
        const { id, method } = value as JsonObject;
        if (typeof method === 'string' && refused.has(method)) near.write(JSON.stringify({ id, result: null, error: 'unknown method' }));
        else far.write(JSON.stringify(value));
      }
    });
  }
}
