import { openMember, type OpenMember, type Origin, type Release } from '../../cluster/index.ts';
import type { Clock } from '../base/clock.ts';
import type { Config, MemberConfig } from '../config/index.ts';
import { askToJoin } from './join.ts';

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

interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** This member, alone or one of several, with its data. */
export function openMembership({ directory, config, runs, clock, log, onRemoved }: MembershipOptions): Promise<OpenMember> {
  const { member } = config;
  return openMember({
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
    origin: () => {
      // A member that lost its data comes here, too, and would answer callers with nothing.
      if (member?.origin.kind === 'alone')
        log.warn(
          { event: 'begun', member: member.id },
          `no data in ${directory}: a new cluster of one begins. Was this a member of another? Then stop it, empty the directory, and let it join (member.join) under a new name`,
        );
      return originOf(member, runs);
    },
    onEvent: (event) => {
      const { kind, reason, ...who } = event;
      if (kind === 'peer-up') log.info({ event: kind, ...who }, 'a member can be reached again');
      else
        log.warn(
          { event: kind, ...who, reason },
          kind === 'refused' ? 'somebody who is no member was turned away' : 'a member cannot be reached',
        );
    },
    onRemoved: () => {
      log.error({ code: 'removed' }, 'this member was removed from the cluster: it serves no more; stop it');
      onRemoved();
    },
    onWaiting: (reason) => log.warn({ event: 'waiting' }, `not serving yet: ${reason}`),
  });
}

async function originOf(member: MemberConfig | undefined, runs: Release): Promise<Origin> {
  const origin = member?.origin ?? { kind: 'alone' };
  switch (origin.kind) {
    case 'alone':
      return origin;
    case 'founder':
      return { kind: 'founder', founders: new Map(Object.entries(origin.founders)) };
    case 'joining': {
      const { cluster, members } = await askToJoin(origin.server, origin.token, member, runs);
      return { kind: 'joining', cluster, places: new Map(members.map(({ id, address }) => [id, address])) };
    }
  }
}
