export { BeatPresence } from './beats.ts';
export type { Answering, Exchange, Topic } from './exchange.ts';
export { type Endpoints, type Ownership, type OwnershipView, StoredOwnership } from './ownership.ts';
export type { Presence } from './presence.ts';
