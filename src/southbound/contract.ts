import type { OwnershipView, RangeRequest, RangeResult, Revision, Topic } from '../../cluster/index.ts';
import type { ResourceId, Submitted } from '../admission/index.ts';
import type { LoopDelay } from '../base/loop-delay.ts';
import type { SwitchAccess, Tls } from '../config/index.ts';
import type { ControllerEvent, Effect, Followed, HostStatus, Realization, RuleReading, VmChange } from '../controller/ports.ts';
import type { ExplainQuestion, Explanation, NumberedRule } from '../inquiry/ports.ts';
import type { UnnumberedRecord } from '../journal/ports.ts';

const mebibyte = 1024 * 1024;

/** Of commits on their way: so much may be, and so much is taken before that is told. */
export const flow = { underwayBytesMax: 16 * mebibyte, toldBytes: mebibyte } as const;

/** What the thread is told when it is made. */
export interface Settings {
  readonly switches: SwitchAccess;
  readonly counters: { readonly intervalMs: number; readonly file: string };
  readonly id: string;
  readonly ownership: OwnershipView;
  readonly others: readonly string[];
  /** For an entry other than the program's. */
  readonly more?: unknown;
}

/** A question that is answered by a state which has everything up to `since`. */
export interface Since<T> {
  readonly since: Revision;
  readonly asked: T;
}

/** Where switches connect; null: nowhere. */
export interface SwitchAddresses {
  readonly openflow: string | null;
  readonly ovsdb: string | null;
}

/** What a scrape of the metrics wants to know. */
export interface SouthboundReadings {
  readonly hosts: readonly HostStatus[];
  readonly counted: { readonly packets: number; readonly bytes: number; readonly connections: number };
  readonly loop: LoopDelay;
}

/** What the southbound thread answers. */
export interface SouthboundAnswers {
  /** Loads, compiles and listens; all else is asked afterwards. */
  open(nothing: null): Promise<SwitchAddresses>;
  waitRealized(asked: { readonly revision: Revision; readonly timeoutMs: number }): Promise<Realization>;
  follow(change: VmChange): Promise<Followed>;
  hosts(asked: Since<null>): Promise<readonly HostStatus[]>;
  effects(asked: Since<readonly ResourceId[]>): Promise<readonly Effect[]>;
  ofRules(asked: Since<readonly number[]>): Promise<ReadonlyMap<number, RuleReading>>;
  refresh(nothing: null): Promise<void>;
  explain(asked: Since<ExplainQuestion>): Promise<Explanation>;
  rule(asked: Since<{ readonly id: number; readonly sees: string | undefined }>): Promise<NumberedRule | undefined>;
  readings(nothing: null): SouthboundReadings;
  /** Another member asks. */
  asked(question: { readonly from: string; readonly topic: Topic; readonly body: unknown }): Promise<unknown>;
  /** Of the watch, in order. */
  commits(told: CommitsTold): void;
  /** The watch cannot go on. `revision`: the store's. */
  watchEnded(told: { readonly code: string; readonly message: string; readonly revision: Revision }): void;
  ownership(told: { readonly view: OwnershipView; readonly others: readonly string[]; readonly isWhole: boolean }): void;
  /** For connections to come. */
  renew(tls: Tls & { readonly ca: string }): void;
  stopWaiting(nothing: null): void;
  /** Says good-bye to the switches and writes the counters. */
  close(nothing: null): Promise<void>;
}

/** Documents and numbers alone; a key without a value is gone. */
export interface CommitsTold {
  readonly commits: readonly {
    readonly revision: Revision;
    readonly wallMs: number;
    readonly changes: readonly { readonly key: string; readonly value: string | undefined }[];
  }[];
  /** About so much memory, to be given back. */
  readonly bytes: number;
}

/** What the thread of the store and the API answers. */
export interface MainAnswers {
  range(request: RangeRequest): Promise<RangeResult>;
  revisionAt(wallMs: number): Promise<Revision>;
  register(host: { readonly name: string; readonly encapIp: string }): Promise<Submitted['revision']>;
  /** To another member. */
  ask(question: { readonly to: string; readonly topic: Topic; readonly body: unknown; readonly timeoutMs: number }): Promise<unknown>;
  /** One at a time. */
  watch(asked: { readonly since: Revision }): void;
  unwatch(nothing: null): void;
  /** Of what was sent of the watch, so much is done with. */
  taken(told: { readonly bytes: number }): void;
  /** Where switches find this member. */
  announce(endpoints: { readonly openflow: string; readonly ovsdb: string }): void;
  event(event: ControllerEvent | PeerCut): void;
  counted(told: readonly CountedPackets[]): void;
  recorded(records: readonly UnnumberedRecord[]): void;
  recordsDropped(told: { readonly count: number }): void;
}

export interface PeerCut {
  readonly kind: 'peer-cut';
  readonly address: string;
  readonly code: string;
  readonly reason: string;
  readonly host?: string;
}

/** Packets that came up, by what became of them. */
export interface CountedPackets {
  readonly host: string;
  readonly kind: string;
  readonly outcome: string;
  readonly count: number;
}
