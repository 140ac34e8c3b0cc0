import { circuitBreaker, ConsecutiveBreaker, handleWhen, type IBackoff, noop } from 'cockatiel';
import {
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  type IRangeRequest,
  type IRangeResponse,
  isRecoverableError,
  type ITxnRequest,
  type ITxnResponse,
  type IOptions,
  type Lease,
  type Watcher,
} from 'etcd3';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';
import { reasonOf, WeirError } from '../../src/base/errors.ts';

/** How an etcd is reached. */
export interface EtcdAccess {
  /** HOST:PORT, at least one. */
  readonly hosts: readonly string[];
  /** All keys begin with it. */
  readonly prefix: string;
  readonly user?: { readonly name: string; readonly password: string } | undefined;
  /** PEM text. */
  readonly tls?: EtcdTls | undefined;
}

export interface EtcdTls {
  readonly ca: string;
  /** Of this client, where etcd asks for one. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
}

const patienceMsDefault = 6_000;
const attemptMsLeast = 1_000;
const retryPauseMs = 50;
const bellPauseMs = 250;

/**
 * Requests to etcd, each bounded in time. Nothing is sent again behind the caller's back: whether a transaction was carried out decides
 * who sends it again.
 */
export class EtcdLink {
  /** All attempts at one thing. */
  readonly patienceMs: number;
  readonly #clock: Clock;
  readonly #client: Etcd3;
  #isClosed = false;

  constructor(access: EtcdAccess, clock: Clock, patienceMs = patienceMsDefault) {
    this.#clock = clock;
    this.patienceMs = patienceMs;
    this.#client = new Etcd3(clientOptions(access, this.attemptMs(0)));
  }

  /**
   * Of an attempt, so long after the first one began. An etcd that has lost its leader sits on what it is asked, and after a second there may be another
   * to ask; what is large takes longer.
   */
  attemptMs(elapsedMs: number): number {
    return Math.min(elapsedMs < this.patienceMs / 3 ? attemptMsLeast : this.patienceMs, this.patienceMs / 2);
  }

  range(request: IRangeRequest, timeoutMs: number): Promise<IRangeResponse> {
    return this.#client.kv.range(request, deadline(timeoutMs));
  }

  txn(request: ITxnRequest, timeoutMs: number): Promise<ITxnResponse> {
    return this.#client.kv.txn(request, deadline(timeoutMs));
  }

  /** Id of a lease that is not kept alive. */
  async grant(ttlSeconds: number, timeoutMs: number): Promise<string> {
    const { ID } = await this.#client.leaseClient.leaseGrant({ TTL: ttlSeconds }, deadline(timeoutMs));
    return ID;
  }

  async revoke(lease: string): Promise<void> {
    await this.#client.leaseClient.leaseRevoke({ ID: lease }, deadline(this.patienceMs));
  }

  /** Keeping it alive is the caller's. */
  lease(ttlSeconds: number, timeoutMs: number): Lease {
    return this.#client.lease(ttlSeconds, { autoKeepAlive: false, ...deadline(timeoutMs) });
  }

  /** For what may be sent twice. Rejects with `no-leader` when etcd did not answer in time, and with what it refused. */
  async retrying<T>(request: (timeoutMs: number) => Promise<T>): Promise<T> {
    const startMs = this.#clock.nowMs();
    for (;;) {
      const elapsedMs = this.#clock.nowMs() - startMs;
      try {
        return await request(this.attemptMs(elapsedMs));
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal !== undefined) throw refusal;
        if (this.#isClosed || this.#clock.nowMs() - startMs > this.patienceMs) throw unreachableEtcd(error);
        await pause(retryPauseMs);
      }
    }
  }

  /**
   * Rings when a key below `prefix` was written, with what it is now, or when some may have been missed. Only a hint: what
   * happened is read. It goes on over restarts of etcd.
   */
  bell(prefix: Buffer, onRing: (put: { readonly key: Buffer; readonly value: Buffer } | undefined) => void): { close(): void } {
    let watcher: Watcher | undefined;
    let isClosed = false;
    const hang = (): void => {
      if (isClosed || this.#isClosed) return;
      const builder = this.#client.watch().prefix(prefix);
      watcher = builder.watcher();
      watcher.on('connected', () => onRing(undefined));
      watcher.on('put', onRing);
      watcher.on('delete', () => onRing(undefined));
      // Compacted behind what it had seen, or refused: a new one begins with the present.
      watcher.on('error', () => {
        watcher?.removeAllListeners();
        watcher?.on('error', () => undefined);
        watcher = undefined;
        setTimeout(hang, bellPauseMs).unref();
      });
    };
    hang();
    return {
      close: () => {
        isClosed = true;
        // It may be waiting for an etcd that is gone.
        watcher?.cancel().catch(() => undefined);
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }
}

function clientOptions({ hosts, user, tls }: EtcdAccess, attemptMs: number): IOptions {
  return {
    hosts: hosts.map((host) => `${tls === undefined ? 'http' : 'https'}://${host}`),
    ...(tls !== undefined && {
      credentials: {
        rootCertificate: Buffer.from(tls.ca),
        ...(tls.client !== undefined && { privateKey: Buffer.from(tls.client.key), certChain: Buffer.from(tls.client.cert) }),
      },
    }),
    ...(user !== undefined && { auth: { username: user.name, password: user.password, callOptions: () => deadline(attemptMs) } }),
    grpcOptions: {
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
      // No oftener than etcd allows.
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 3_000,
    },
    faultHandling: {
      global: noop,
      // One that fails is passed over for a while, where there are others.
      host: () =>
        hosts.length === 1
          ? noop
          : circuitBreaker(handleWhen(isRecoverableError), { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(2) }),
      watchBackoff: steadyBackoff,
    },
  };
}

const steadyBackoff: IBackoff<unknown> = { duration: bellPauseMs, next: () => steadyBackoff };

function deadline(timeoutMs: number): { readonly deadline: number } {
  return { deadline: Date.now() + timeoutMs };
}

/** What sending again does not help against; undefined: etcd could not be asked, or did not say. */
export function refusalOf(error: unknown): WeirError | undefined {
  if (error instanceof WeirError) return error;
  const reason = reasonOf(error);
  if (reason.includes('database space exceeded')) {
    return new WeirError('store-full', 'etcd is full: let it compact and defragment its database, then disarm its alarm', { cause: error });
  }
  if (/request is too large|too many operations/.test(reason)) {
    return new WeirError('too-large', `etcd takes less at once than it does by default (--max-request-bytes, --max-txn-ops): ${reason}`, {
      cause: error,
    });
  }
  if (reason.includes('key not found')) {
    return new WeirError('store-busy', 'the transaction took so long to send that etcd has let go of its beginning; try again', {
      cause: error,
    });
  }
  const isDenied =
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdPermissionDeniedError ||
    error instanceof EtcdInvalidAuthTokenError ||
    /user name is empty|authentication is not enabled/.test(reason);
  return isDenied ? new WeirError('store-failed', `etcd refuses this user: ${reason}`, { cause: error }) : undefined;
}

/** Whether the request cannot have reached etcd. */
export function wasNotSent(error: unknown): boolean {
  return /No connection established|ECONNREFUSED|name resolution|Name resolution|breaker/i.test(reasonOf(error));
}

export function unreachableEtcd(error: unknown): WeirError {
  const reason = reasonOf(error);
  const inner = /Last error: (?:Error: )?(.+?)\. Resolution note:/.exec(reason)?.[1];
  return new WeirError('no-leader', `etcd does not answer: ${inner ?? reason}`, { cause: error });
}
