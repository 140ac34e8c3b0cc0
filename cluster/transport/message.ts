import { DecodeError } from '../../src/base/errors.ts';
import type { Entry, MemberId, Membership, Message, MessageBody, SnapshotMark } from '../raft/types.ts';
import type { Frame } from './frame.ts';
import type { SnapshotOffer } from './port.ts';

/** The head and the body of a message's frame: payloads of entries go as bytes, everything else as JSON. */
export function encodeMessage(message: Message): { readonly head: unknown; readonly body: readonly Uint8Array[] } {
  if (message.kind !== 'append') return { head: message, body: [] };
  const body: Uint8Array[] = [];
  const entries = message.entries.map((entry) => {
    if (entry.kind !== 'command') return entry;
    body.push(entry.payload);
    return { kind: entry.kind, index: entry.index, term: entry.term, bytes: entry.payload.length };
  });
  return { head: { ...message, entries }, body };
}

/** Of a frame from a member that is known; `to` is this one. Throws a DecodeError for whatever is not a whole message. */
export function decodeMessage({ head, body }: Frame, from: MemberId, to: MemberId): Message {
  const fields = record(head);
  return { from, to, term: count(fields, 'term'), ...bodyOf(fields, body) };
}

type Fields = Readonly<Record<string, unknown>>;

const readers: Record<MessageBody['kind'], (fields: Fields, body: Buffer) => MessageBody> = {
  'pre-vote': (fields) => ({ kind: 'pre-vote', lastIndex: count(fields, 'lastIndex'), lastTerm: count(fields, 'lastTerm') }),
  'pre-vote-reply': (fields) => ({ kind: 'pre-vote-reply', granted: flag(fields, 'granted') }),
  vote: (fields) => ({
    kind: 'vote',
    lastIndex: count(fields, 'lastIndex'),
    lastTerm: count(fields, 'lastTerm'),
    isTransfer: flag(fields, 'isTransfer'),
  }),
  'vote-reply': (fields) => ({ kind: 'vote-reply', granted: flag(fields, 'granted') }),
  append: readAppend,
  'append-accepted': (fields) => ({ kind: 'append-accepted', match: count(fields, 'match') }),
  'append-refused': (fields) => ({
    kind: 'append-refused',
    refused: count(fields, 'refused'),
    hintIndex: count(fields, 'hintIndex'),
    hintTerm: count(fields, 'hintTerm'),
  }),
  heartbeat: (fields) => ({ kind: 'heartbeat', commit: count(fields, 'commit'), round: count(fields, 'round') }),
  'heartbeat-reply': (fields) => ({ kind: 'heartbeat-reply', round: count(fields, 'round') }),
  snapshot: (fields) => ({ kind: 'snapshot', mark: readMark(fields['mark']) }),
  'timeout-now': () => ({ kind: 'timeout-now' }),
  read: (fields) => ({ kind: 'read', id: count(fields, 'id') }),
  'read-reply': (fields) => ({ kind: 'read-reply', id: count(fields, 'id'), index: count(fields, 'index') }),
};

function bodyOf(fields: Fields, body: Buffer): MessageBody {
  const { kind } = fields;
  const read = typeof kind === 'string' && Object.hasOwn(readers, kind) ? readers[kind as MessageBody['kind']] : undefined;
  if (read === undefined) throw malformed(`unknown kind of message ${JSON.stringify(kind)}`);
  return read(fields, body);
}

function readAppend(fields: Fields, body: Buffer): MessageBody {
  const previousIndex = count(fields, 'previousIndex');
  const heads = fields['entries'];
  if (!Array.isArray(heads)) throw malformed('entries is no list');
  let at = 0;
  const entries = heads.map((each: unknown, position): Entry => {
    const entry = record(each);
    const place = { index: count(entry, 'index'), term: count(entry, 'term') };
    if (place.index !== previousIndex + position + 1) throw malformed(`entry ${place.index} is out of order`);
    if (entry['kind'] === 'empty') return { kind: 'empty', ...place };
    if (entry['kind'] === 'membership') return { kind: 'membership', ...place, membership: readMembership(entry['membership']) };
    if (entry['kind'] !== 'command') throw malformed('unknown kind of entry');
    const end = at + count(entry, 'bytes');
    if (end > body.length) throw malformed('payloads end before their bytes');
    // Of its own: what is kept for a while must not keep a whole window of the connection.
    const payload = Buffer.from(body.subarray(at, end));
    at = end;
    return { kind: 'command', ...place, payload };
  });
  if (at !== body.length) throw malformed('something follows the payloads');
  return {
    kind: 'append',
    previousIndex,
    previousTerm: count(fields, 'previousTerm'),
    entries,
    commit: count(fields, 'commit'),
    isNotice: fields['isNotice'] === true,
  };
}

export function readOffer(head: unknown): SnapshotOffer {
  const fields = record(head);
  const base = record(fields['base']);
  return {
    term: count(fields, 'term'),
    base: { ...readMark(base), revision: count(base, 'revision'), wallMs: count(base, 'wallMs') },
  };
}

function readMark(value: unknown): SnapshotMark {
  const fields = record(value);
  return { index: count(fields, 'index'), term: count(fields, 'term'), membership: readMembership(fields['membership']) };
}

function readMembership(value: unknown): Membership {
  const fields = record(value);
  return { voters: names(fields, 'voters'), learners: names(fields, 'learners') };
}

const membersMax = 100;

function names(fields: Fields, name: string): readonly MemberId[] {
  const value = fields[name];
  const isList = Array.isArray(value) && value.length <= membersMax && value.every((each) => typeof each === 'string' && each.length <= 64);
  if (!isList) throw malformed(`${name} is no list of members`);
  return value as readonly MemberId[];
}

function record(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('not an object');
  return value as Fields;
}

function count(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(`${name} is no count`);
  return value;
}

function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== 'boolean') throw malformed(`${name} is not true or false`);
  return value;
}

function malformed(detail: string): DecodeError {
  return new DecodeError('malformed-message', 0, detail);
}
