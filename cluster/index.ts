export {
  type Answering,
  BeatPresence,
  type Endpoints,
  type Exchange,
  type Ownership,
  type OwnershipView,
  type Presence,
  StoredOwnership,
  type Topic,
} from './ownership/index.ts';
export { assertStopped, type BackupSummary, checkBackup, type Restored, restoreBackup, setAside } from './members/backup.ts';
export { type Identity, type MemberName, type Origin, readIdentity } from './members/identity.ts';
export { type MemberOpening, type OpenMember, openMember } from './members/opening.ts';
export type { Backup, ClusterStatus, MemberPlace, Members, MemberStatus } from './members/port.ts';
export { type Release, releaseNamed } from './version/index.ts';
export type { TornTail } from './storage/verification.ts';
export { type EtcdMember, openEtcdMember } from './etcd/index.ts';
export type { MemberStore, OpenReport, StoreOptions } from './store/member-store.ts';
export { openStore } from './store/opening.ts';
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
export type { MemberTls, TransportEvent } from './transport/sockets.ts';
