import { connect } from 'node:tls';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '../../base/errors.ts';
import { Api } from '../api.ts';
import { ControllerProcess } from '../controller.ts';
import type { MemberFiles } from './certificates.ts';

/** How a member comes to its cluster: as one of those that begin it, by their addresses; or to one that is there, by an API of it. */
export type Coming =
  | { readonly kind: 'founder'; readonly founders: ReadonlyMap<string, string> }
  | { readonly kind: 'joining'; readonly server: string };

export interface MemberOptions {
  readonly id: string;
  readonly directory: string;
  readonly switchAddress: string;
  /** `HOST:PORT` for the other members. */
  readonly address: string;
  readonly files: MemberFiles;
  readonly coming: Coming;
}

/** One controller of a cluster. */
export class Member {
  readonly id: string;
  readonly process: ControllerProcess;
  readonly #options: MemberOptions;

  constructor(options: MemberOptions) {
    const { id, directory, switchAddress, address, files, coming } = options;
    this.id = id;
    this.#options = options;
    const config = join(directory, `${id}.json`);
    writeFileSync(config, JSON.stringify({ tls: { members: files } }));
    const origin =
      coming.kind === 'founder'
        ? ['--founders', [...coming.founders].map((each) => each.join('=')).join(',')]
        : ['--member-listen', address, '--join', coming.server];
    const flags = ['--config', config, '--member-id', id, ...origin];
    this.process = new ControllerProcess({ directory: join(directory, id), switchAddress, flags });
  }

  /** Throws `not-started` before it has ever listened. */
  get api(): Api {
    return new Api(this.process.addresses.api);
  }

  /** The end of the target by which switches know it. */
  get openflowPort(): string {
    return this.process.addresses.openflow.split(':').at(-1) ?? '';
  }

  /** What becomes of somebody who comes to it as a member does, but without a certificate. */
  async receiveStranger(): Promise<'let in' | 'turned away'> {
    const { address, files } = this.#options;
    const [host = '', port] = address.split(':');
    const socket = connect({ host, port: Number(port), ca: readFileSync(files.ca), minVersion: 'TLSv1.3' });
    try {
      return await new Promise((resolve, reject) => {
        const limit = setTimeout(() => resolve('let in'), 1000);
        // Only by TLS itself: a connection that cannot be made at all says nothing.
        socket.once('error', (error: NodeJS.ErrnoException) => {
          clearTimeout(limit);
          if (error.code === 'ECONNREFUSED') reject(new WeirError('unreachable', error.message, { cause: error }));
          else resolve('turned away');
        });
        socket.once('end', () => {
          clearTimeout(limit);
          resolve('turned away');
        });
        socket.resume();
      });
    } finally {
      socket.destroy();
    }
  }
}
