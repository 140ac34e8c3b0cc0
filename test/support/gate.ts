import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a port on loopback that can be shut: connections through it end, and new ones are not let in. */
export class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isShut = false;

  private constructor(target: number) {
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (this.#isShut) {
        socket.destroy();
        return;
      }
      const onward = connect(target, '127.0.0.1').on('error', () => undefined);
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  static async open(port: number, target: number): Promise<Gate> {
    const gate = new Gate(target);
    await new Promise<void>((resolve) => gate.#server.listen(port, '127.0.0.1', resolve));
    return gate;
  }

  shut(): void {
    this.#isShut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  reopen(): void {
    this.#isShut = false;
  }

  async close(): Promise<void> {
    this.shut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
