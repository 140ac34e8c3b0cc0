import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { reasonOf, WeirError } from '../base/errors.ts';
import type { Config, Tls } from './config.ts';

/** What may be read again while the program runs. */
export interface Certificates extends Iterable<[string, Tls]> {
  get(use: 'switches' | 'members'): (Tls & { readonly ca: string }) | undefined;
  get(use: string): Tls | undefined;
  keys(): IterableIterator<string>;
  has(use: string): boolean;
}

function certificatesOf({ api, switches, member }: Config): Certificates {
  const all = { api: api.tls, switches: switches.kind === 'tls' ? switches.tls : undefined, members: member?.tls };
  return new Map(Object.entries(all).filter(([, tls]) => tls !== undefined)) as Certificates;
}

/** The certificates that are in use, which may be taken from a configuration that was read again. */
export class CertificatesInUse {
  #present: Certificates;
  readonly #use: (next: Certificates) => void;

  constructor(config: Config, use: (next: Certificates) => void) {
    this.#present = certificatesOf(config);
    this.#use = use;
  }

  /** For what; throws `config-invalid`, and changes nothing then. */
  renew(config: Config): readonly string[] {
    const next = certificatesOf(config);
    assertUsable(next, this.#present);
    this.#use(next);
    this.#present = next;
    return [...next.keys()];
  }

  /** By what they are for: when they end. */
  endMs(): ReadonlyMap<string, number> {
    return new Map([...this.#present].map(([use, { cert }]) => [use, new X509Certificate(cert).validToDate.getTime()]));
  }
}

/** Throws `config-invalid` unless each key is that of its certificate, and all have the uses that they had. */
function assertUsable(next: Certificates, present: Certificates): void {
  for (const use of new Set([...present.keys(), ...next.keys()])) {
    const tls = next.get(use);
    if (tls === undefined || !present.has(use) || (tls.ca === undefined) !== (present.get(use)?.ca === undefined))
      throw new WeirError('config-invalid', `/tls/${use}: whether it is there counts at the start only`);
    try {
      createSecureContext({ cert: tls.cert, key: tls.key, ca: tls.ca });
    } catch (cause) {
      throw new WeirError('config-invalid', `/tls/${use}: ${reasonOf(cause)}`, { cause });
    }
  }
}
