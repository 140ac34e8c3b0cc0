import { openMember, type MemberName, type OpenMember, type Origin, type Release } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import { WeirError } from '../base/errors.ts';
import { Seldom } from '../base/seldom.ts';
import type { Config, MemberConfig } from '../config/index.ts';
import { askToJoin } from './join.ts';

/** Who is turned away comes again, several times a second. */
const refusalsMs = 60_000;

export interface MembershipOptions {
  /** Of the store. */
  readonly directory: string;
  readonly config: Pick<Config, 'member' | 'store'>;
  /** What this member runs. */
  readonly runs: Release;
  readonly clock: Clock;
  readonly log: Log;
  /** Once: this member was removed. */
  readonly onRemoved: () => void;
}

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** This member, alone or one of several, with its data. */
export async function openMembership({ directory, config, runs, clock, log, onRemoved }: MembershipOptions): Promise<OpenMember> {
  const { member } = config;
  const refusals = new Seldom(refusalsMs, clock);
  let isNew = false;
  const opened = await openMember({
    directory,
    runs,
    clock,
    retentionMs: config.store.retentionMs,
    onProblem: (error) => log.error({ code: error.code }, error.message),
    id: member?.id,
    listen: member && {
      host: member.listen.host,
      port: member.listen.port,
      advertise: member.advertise,
      tls: member.tls && { ca: member.tls.ca, certificate: member.tls.cert, key: member.tls.key },
    },
    origin: (named, keep) => {
      isNew = true;
      return originOf({ member, named, keep, directory, runs });
    },
    onEvent: (event) => {
      const { kind, reason, ...who } = event;
      const times = kind === 'refused' ? refusals.times(`${event.address.slice(0, event.address.lastIndexOf(':'))} ${reason}`) : 1;
      if (times === undefined) return;
      if (kind === 'peer-up') log.info({ event: kind, ...who }, 'a member can be reached again');
      else
        log.warn(
          { event: kind, ...who, reason, ...(times > 1 && { times }) },
          kind === 'refused' ? 'somebody who is no member was turned away' : 'a member cannot be reached',
        );
    },
    onLeader: (leader, term, id) => {
      if (leader === undefined) log.warn({ event: 'no-leader', term }, 'no member leads: writes wait, and reads but local ones');
      else log.info({ event: 'leader', leader, term }, leader === id ? 'this member leads' : `${leader} leads`);
    },
    onRemoved: () => {
      log.error({ code: 'removed' }, 'this member was removed from the cluster: it serves no more; stop it');
      onRemoved();
    },
    onWaiting: (reason) => log.warn({ event: 'waiting' }, `not serving yet: ${reason}`),
  });
  const view = opened.members.view();
  // Once joined it needs no address; who never did would serve alone what callers mean for all.
  if (member?.origin.kind === 'joining' && !isNew && view?.members.length === 1)
    log.warn(
      { event: 'not-joined' },
      `${member.origin.server} was not asked: ${directory} has data already, of cluster ${view.cluster}, whose only member this is; who has no data joins`,
    );
  return opened;
}

interface Beginning {
  readonly member: MemberConfig | undefined;
  readonly named: MemberName;
  readonly keep: () => Promise<void>;
  readonly directory: string;
  readonly runs: Release;
}

async function originOf({ member, named, keep, directory, runs }: Beginning): Promise<Origin> {
  const origin = member?.origin ?? { kind: 'alone' };
  switch (origin.kind) {
    case 'alone':
      return origin;
    case 'unsaid':
      // A member that lost its data comes here, too: it would answer callers with nothing.
      throw new WeirError(
        'no-data',
        `there is no data in ${directory}, and nothing says where it comes from. To begin a new cluster give member.founders (\`--founders ${member?.id ?? 'ID'}=${named.address}\`). A member that lost its data comes back under a new name, with member.join`,
      );
    case 'founder':
      return { kind: 'founder', founders: new Map(Object.entries(origin.founders)) };
    case 'joining': {
      await keep();
      const { cluster, members } = await askToJoin(origin.server, origin.token, named, member?.tls, runs);
      return { kind: 'joining', cluster, places: new Map(members.map(({ id, address }) => [id, address])) };
    }
  }
}
