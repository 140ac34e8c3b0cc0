export {
  type Answering,
  BeatPresence,
  type Endpoints,
  type Exchange,
  type Ownership,
  type Presence,
  StoredOwnership,
  type Topic,
} from './ownership/index.ts';
export type { TornTail } from './storage/verification.ts';
export type { EtcdAccess, EtcdTls } from './etcd/link.ts';
export { openEtcdStore } from './etcd/opening.ts';
export { type MemberStore, openStore, type OpenReport, type StoreOptions } from './store/opening.ts';
export { keyBytesMax, operationsMax, valueBytesMax } from './store/bounds.ts';
export { CompactedError } from './store/errors.ts';
export type {
  Change,
  Commit,
  Compare,
  Entry,
  Operation,
  Outcome,
  RangeRequest,
  RangeResult,
  Revision,
  Store,
  Transaction,
  Watch,
} from './store/port.ts';
