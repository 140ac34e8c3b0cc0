import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** Stands where the others find a member; who connects is told by the greeting, which is the first that is said. */
export class MemberProxy {
  readonly #server: Server;
  readonly #pairs = new Map<Socket, { readonly far: Socket; from: string | undefined }>();
  readonly #isCut: (from: string) => boolean;

  private constructor(port: number, isCut: (from: string) => boolean) {
    this.#isCut = isCut;
    this.#server = createServer((near) => this.#join(near, connect({ host: '127.0.0.1', port })));
  }

  /** Passes on what comes to `port` to the member at `behind`, but from those that are cut off from it. */
  static async listen(port: number, behind: number, isCut: (from: string) => boolean): Promise<MemberProxy> {
    const proxy = new MemberProxy(behind, isCut);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  #join(near: Socket, far: Socket): void {
    const pair = { far, from: undefined as string | undefined };
    this.#pairs.set(near, pair);
    near.once('data', (hello: Buffer) => {
      pair.from = /"from":"([^"]*)"/.exec(hello.toString('latin1'))?.[1] ?? '';
      if (this.#isCut(pair.from)) near.destroy();
      else far.write(hello);
      near.on('data', (bytes: Buffer) => far.write(bytes));
    });
    far.on('data', (bytes: Buffer) => near.write(bytes));
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      end.on('error', () => undefined);
      end.on('close', () => {
        other.destroy();
        this.#pairs.delete(near);
      });
    }
  }

  /** Ends what goes on with those that are cut off now. */
  cut(): void {
    for (const [near, { from }] of this.#pairs) if (from !== undefined && this.#isCut(from)) near.destroy();
  }

  close(): void {
    for (const near of this.#pairs.keys()) near.destroy();
    this.#server.close();
  }
}
