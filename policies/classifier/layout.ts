/**
 * How the words of a classifier are laid out. Offsets count 32-bit words from the start of the buffer, 0 is none.
 *
 *   header ─► addresses (domain, address → interface)
 *          ─► interfaces ─► classes ─► records: the subjects and clauses of a set of groups
 *          ─► spaces ─► blocks of addresses ─► prefixes ─► clauses
 *          ─► clauses ─► items: a pair of subject and clause, with its rules
 *          ─► subjects: the pair with anybody
 *          ─► tables; pairs (subject, clause → rules) of clauses with many
 */
export const header = {
  /** Odd while an update is under way. */
  sequence: 0,
  /** Two words, low and high. */
  revision: 1,
  interfaces: 3,
  classes: 4,
  spaces: 5,
  tables: 6,
  subjects: 7,
  addresses4: 8,
  addresses4Mask: 9,
  addresses6: 10,
  addresses6Mask: 11,
  pairs: 12,
  pairsMask: 13,
  foreign: 14,
  foreignMask: 15,
  /** Words of the buffer, a power of two. */
  capacity: 16,
  clauses: 17,
  /** No subject has a higher number. A power of two less one. */
  subjectsMask: 18,
  size: 32,
} as const;

/** An interface. The row of a removed one has no space. */
export const interfaceRow = { space: 0, class: 1, ports: 2, size: 4 } as const;

/**
 * A set of groups: the records of its tenant's space and of the platform's, and the platform's groups in it (count, then numbers). Then its
 * vectors as the local end and as the peer's groups, of egress and of ingress (0: none yet).
 */
export const classRow = { own: 0, platform: 1, foreign: 2, locals: 3, peers: 5, size: 8 } as const;

/**
 * Who names what: the platform is space 0, each tenant has one. `blocks` is a sorted list of the addresses at which the innermost prefix
 * changes, each with that prefix; `index` says for the first 16 bits of an IPv4 address where to look.
 */
export const spaceRow = {
  /** 1: what no rule decides is allowed. */
  open: 0,
  blocks4: 1,
  count4: 2,
  capacity4: 3,
  index4: 4,
  blocks6: 5,
  count6: 6,
  capacity6: 7,
  size: 8,
} as const;

/** A tier's rules of one direction: how many, the subject of those for any interface, and its `lanes`; 0: the search decides. */
export const tableRow = { rules: 0, anything: 1, lanes: 2, size: 4 } as const;

/**
 * A table as vectors of bits, a bit for each rule: the vector of an address in no prefix, the rules by position, whether rules name groups of
 * peers, and for each protocol its 256 pages of 256 ports, which say the vector.
 */
export const lanesRow = { outside: 0, rules: 1, groups: 2, services: 4, size: 260 } as const;

/** A vector: a line that begins with the summary, a bit for each line behind it. Words of a line, and rules of which a summary tells. */
export const lineWords = 16;
export const lanesRulesMax = 32 * 32 * lineWords;
/** Words of the longest. So many at the end of the memory are never allocated: wherever a vector begins, as many may be read. */
export const vectorMax = lineWords + lanesRulesMax / 32;

/** Lists of a record: where each begins, from the record's start, then one number more where the last ends. */
export const record = { subjects: 0, clauses: 4, end: 5, size: 6 } as const;

/**
 * A prefix: the next one that contains it, the rank of the first rule behind it, and its items; those of clauses with many prefixes or many
 * pairs stand with the clause, whose number is in a list of its own. Then the vectors of its addresses, of egress and of ingress.
 */
export const prefixNode = { parent: 0, rank: 1, items: 2, itemCount: 3, clauses: 4, clauseCount: 5, vectors: 6, size: 8 } as const;

/** One rule's service. Ports of ICMP are `type * 256 + code`. */
export const entry = { rank: 0, rule: 1, service: 2, ports: 3, size: 4 } as const;

/** What a pair of subject and clause has: with one entry, that entry; else `list`, and the rank of its first. */
export const pair = { entry: 0, list: 4 } as const;

/** Rules of one table for the same groups: the pair with anybody. */
export const subjectRow = { pair: 0, size: 8 } as const;

/** The rank of its first pair, and its pairs by rank: `count` items, or, with `hashed`, slots of their own. */
export const clauseRow = { rank: 0, list: 1, count: 2, size: 4 } as const;
export const hashed = -1;
/** More pairs than this are hashed: a decision asks each subject for them instead of them for their subjects. */
export const pairsListedMax = 32;
/** An entry whose port has no name, or, with `list`, one that matches everything and stands for all of a pair. */
export const item = { entry: 0, list: 4, subject: 5, size: 6 } as const;
export const slot = { subject: 0, clause: 1, pair: 2, size: 8 } as const;

/** Sorted entries, or, for many, those whose port has a name and the sections: the winner for each range of ports of each protocol. */
export const list = { kind: 0, count: 1, entries: 2 } as const;
export const listKind = { linear: 0, ranges: 1 } as const;
/**
 * Where `count` starts stand, ascending from 0, then their ranks, then their rules. With many, `index` says for the high byte of a port which is
 * the last that begins at or before it. All from the list's start; 0: there is no index.
 */
export const section = { protocol: 0, starts: 1, count: 2, index: 3, size: 4 } as const;

/**
 * The space of its interface, and there, as long as the space has lanes, its vectors of egress and of ingress: of its groups as the local end, of the
 * address as the peer. 0: not told.
 */
export const address4Slot = { domain: 0, address: 1, interface: 2, space: 3, locals: 4, peers: 6, size: 8 } as const;
export const address6Slot = { domain: 0, address: 1, interface: 5, size: 8 } as const;
/** A platform's group as the rules of a tenant's space name it: count and numbers of clauses. */
export const foreignSlot = { space: 0, group: 1, clauses: 2, size: 4 } as const;

/** Tables of the platform's space come first, then two for each tenant's. In a record, and from `tableOf`. */
export const tierSlots = { platform: 0, tenant: 0, baseline: 2 } as const;
export const directionSlots = { egress: 0, ingress: 1 } as const;

export const actions = ['allow', 'deny', 'reject', 'pass'] as const;
export const actionBits = 2;
export const passBits = 3;

/** Protocol numbers; 0 stands for any. The number of a port's name stands above the low eight bits. */
export const protocols = { tcp: 6, udp: 17, sctp: 132, icmp: 1, icmpv6: 58 } as const;
export const nameShift = 8;

/** Behind every rank. */
export const rankNone = 0x7fffffff;

/** How a question stands in words: see `Questions`. */
export const question = { domain: 0, protocol: 1, port: 2, family: 3, from: 4, to: 5, source: 6, destination: 10, size: 16 } as const;

/** An end of a question that is to be found by its address, and one that is no interface. */
export const ends = { find: -1, nobody: -2 } as const;

/** What decided a side, when it was no rule. Rules are `number * 4 + action`. */
export const outcomes = { denied: -1, allowed: -2, none: -3 } as const;

export function mix(a: number, b: number): number {
  let mixed = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Keeps the order of unsigned words when they are compared as signed ones. */
export const biased = (word: number): number => word ^ 0x80000000;
