/** How a switch sees one member. */
export interface SeenMember {
  readonly id: string;
  readonly role: string;
  readonly connected: boolean;
}

/** What a switch itself says of who controls it. */
export interface SwitchView {
  readonly host: string;
  /** The number that its owner has written into its database; 0: none. */
  readonly epoch: number;
  readonly members: readonly SeenMember[];
}

/** `members`: their names by the ports that the switch connects to. `text`: target, role and is_connected of its controllers, CSV. */
export function readMembers(text: string, members: ReadonlyMap<string, string>): SeenMember[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [target = '', role = '', connected] = line.split(',').map((cell) => cell.replaceAll('"', ''));
    return { id: members.get(target.split(':').at(-1) ?? '') ?? target, role, connected: connected === 'true' };
  });
}

export type Verdict = { readonly kind: 'owned'; readonly owner: string } | { readonly kind: 'wrong'; readonly why: string };

/** `present` are those who must be connected; `still` stand still: the switch may hold their connections, as slaves. */
export interface Cast {
  readonly present: readonly string[];
  readonly still?: readonly string[];
}

/** Exactly one of those present is master, all others are slaves, and the owner's epoch stands in the switch. */
export function judgeView({ host, epoch, members }: SwitchView, { present, still = [] }: Cast): Verdict {
  const wrong = (why: string): Verdict => ({ kind: 'wrong', why: `${host}: ${why}` });
  const connected = members.filter((each) => each.connected);
  const missing = present.filter((id) => !connected.some((each) => each.id === id));
  if (missing.length > 0) return wrong(`${missing.join(', ')} not connected`);
  const strangers = connected.filter(({ id }) => ![...present, ...still].includes(id));
  if (strangers.length > 0) return wrong(`${strangers.map(({ id }) => id).join(', ')} still connected`);
  const other = connected.filter(({ role }) => role !== 'master' && role !== 'slave');
  if (other.length > 0) return wrong(other.map(({ id, role }) => `${id} is ${role || 'nothing'}`).join(', '));
  const masters = connected.filter(({ role }) => role === 'master');
  const [owner] = masters;
  if (owner === undefined) return wrong('no master');
  if (masters.length > 1) return wrong(`masters ${masters.map(({ id }) => id).join(' and ')}`);
  if (still.includes(owner.id)) return wrong(`${owner.id} is master and stands still`);
  if (epoch === 0) return wrong('no epoch');
  return { kind: 'owned', owner: owner.id };
}

/** Owners by host; a host that has not exactly one is in `wrong`. */
export interface Owners {
  readonly of: ReadonlyMap<string, string>;
  readonly wrong: readonly string[];
}

export function judgeViews(views: readonly SwitchView[], cast: Cast): Owners {
  const verdicts = views.map((view) => ({ host: view.host, verdict: judgeView(view, cast) }));
  return {
    of: new Map(verdicts.flatMap(({ host, verdict }) => (verdict.kind === 'owned' ? [[host, verdict.owner] as const] : []))),
    wrong: verdicts.flatMap(({ verdict }) => (verdict.kind === 'wrong' ? [verdict.why] : [])),
  };
}

/** Of one member, in the order of the hosts. */
export const ownedBy = (owners: Owners, id: string): string[] => [...owners.of].flatMap(([host, owner]) => (owner === id ? [host] : []));

export const sameOwners = (a: Owners, b: Owners): boolean =>
  a.wrong.length === 0 && b.wrong.length === 0 && a.of.size === b.of.size && [...a.of].every(([host, owner]) => b.of.get(host) === owner);

/** A line for each switch: who has it, and who had it before where that is another. */
export function ownerLines(owners: Owners, before?: Owners): string[] {
  const width = Math.max(0, ...[...owners.of.keys()].map(({ length }) => length));
  return [...owners.of].map(([host, owner]) => {
    const old = before?.of.get(host);
    return `${host.padEnd(width)}  ${old === undefined || old === owner ? owner : `${old} → ${owner}`}`;
  });
}
