import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Passes connections on to `port`, which may change, and ends each after as many bytes of what comes back as the test says. */
export class CuttingProxy {
  port: number;
  /** Of the next connection; it is used up by it. */
  cutAfter = Infinity;
  /** What came back on the last connection, so far. */
  passed = '';
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.port = port;
    this.#server = createServer((near) => this.#join(near));
  }

  static async listen(port: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  #join(near: Socket): void {
    const far = connect({ host: '127.0.0.1', port: this.port });
    let left = this.cutAfter;
    this.cutAfter = Infinity;
    this.passed = '';
    far.on('data', (bytes: Buffer) => {
      const part = bytes.subarray(0, Math.min(left, bytes.length));
      left -= part.length;
      this.passed += part.toString('latin1');
      if (left > 0) near.write(part);
      else near.end(part, () => near.destroy());
    });
    near.on('data', (bytes: Buffer) => far.write(bytes));
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        this.#sockets.delete(end);
        other.destroy();
      });
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
