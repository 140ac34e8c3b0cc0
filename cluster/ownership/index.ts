export { BeatPresence } from './beats.ts';
export type { Answering, Exchange, Topic } from './exchange.ts';
export { type Endpoints, type Ownership, StoredOwnership } from './ownership.ts';
export type { Presence } from './presence.ts';
