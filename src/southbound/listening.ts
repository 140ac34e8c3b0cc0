import type { Ownership } from '../../cluster/index.ts';
import { listenOpenFlow } from '../../flows/io/openflow.ts';
import type { OpenFlowEnd } from '../../flows/io/openflow.ts';
import { listenOvsdb } from '../../flows/io/ovsdb.ts';
import type { OvsdbEnd } from '../../flows/io/ovsdb.ts';
import type { Clock } from '../base/clock.ts';
import { formatEndpoint, isLoopback } from '../config/endpoint.ts';
import type { SwitchAccess, Tls } from '../config/index.ts';
import type { Controller, ControllerOptions } from '../controller/index.ts';
import type { PeerCut, SwitchAddresses } from './contract.ts';

interface Ports {
  readonly openflow: number;
  readonly ovsdb: number;
}

/** Where switches find the members. Our ports are known only when the listeners are bound. */
export function addressesOf(
  access: SwitchAccess,
  ownership: Pick<Ownership, 'id' | 'endpoints'>,
  announce: (endpoints: { readonly openflow: string; readonly ovsdb: string }) => void,
): { readonly targets: ControllerOptions['targets']; bound(ports: Ports): void } {
  if (access.kind === 'off') return { targets: () => ({ controllers: [], managers: [], otherManagers: [] }), bound: () => undefined };
  const scheme = access.kind === 'tls' ? 'ssl' : 'tcp';
  const target = (host: string, port: number): string => `${scheme}:${formatEndpoint({ host, port })}`;
  const said = access.advertise ?? (isWildcard(access.openflow.host) ? undefined : access.openflow.host);
  let ports: Ports = { openflow: 0, ovsdb: 0 };
  let announced: string | undefined;
  const announceAt = (host: string): void => {
    announced = host;
    announce({ openflow: target(host, ports.openflow), ovsdb: target(host, ports.ovsdb) });
  };
  return {
    bound: (boundPorts) => {
      ports = boundPorts;
      if (said !== undefined) announceAt(said);
    },
    targets: (localAddress) => {
      // Where one switch has found this member others do; on loopback those of this machine only.
      const isLearned = said === undefined && (announced === undefined || (isLoopback(announced) && !isLoopback(localAddress)));
      if (isLearned) announceAt(localAddress);
      const others = ownership.endpoints().filter(({ id }) => id !== ownership.id);
      const host = access.advertise ?? localAddress;
      const own = others.length > 0 && said !== undefined ? said : host;
      return {
        controllers: [target(own, ports.openflow), ...others.map(({ openflow }) => openflow)],
        managers: [target(localAddress, ports.ovsdb), target(host, ports.ovsdb)],
        otherManagers: others.map(({ ovsdb }) => ovsdb),
      };
    },
  };
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

export interface SwitchListening {
  readonly addresses: SwitchAddresses;
  readonly ports: Ports;
  renew(tls: Tls & { readonly ca: string }): void;
  close(): Promise<void>;
}

export async function listenForSwitches(
  access: SwitchAccess,
  controller: Controller,
  event: (event: PeerCut) => void,
  clock: Clock,
): Promise<SwitchListening> {
  if (access.kind === 'off')
    return {
      addresses: { openflow: null, ovsdb: null },
      ports: { openflow: 0, ovsdb: 0 },
      renew: () => undefined,
      close: async () => undefined,
    };
  const ended = (end: OpenFlowEnd | OvsdbEnd, wasKnown: boolean, host?: string): void => {
    const { peerAddress: address, code, reason } = end;
    // The peer's own going is told as the disconnection of its host, and what is closed here for a reason with that reason.
    if (code === 'closed-here' || (code === 'peer-closed' && wasKnown)) return;
    event({ kind: 'peer-cut', address, code, reason, ...(host !== undefined && { host }) });
  };
  const tls = access.kind === 'tls' ? { tls: access.tls } : {};
  const openflow = await listenOpenFlow(
    { ...access.openflow, ...tls, clock },
    {
      onConnection: (connection) => controller.openflowConnected(connection),
      onEnd: (end) => ended(end, end.datapathId !== undefined, controller.openflowEnded(end)),
    },
  );
  const ovsdb = await listenOvsdb(
    { ...access.ovsdb, ...tls, clock },
    { onConnection: (connection) => controller.ovsdbConnected(connection), onEnd: (end) => ended(end, end.synced) },
  );
  const scheme = access.kind === 'tls' ? 'ssl' : 'tcp';
  return {
    addresses: { openflow: `${scheme}:${formatEndpoint(openflow)}`, ovsdb: `${scheme}:${formatEndpoint(ovsdb)}` },
    ports: { openflow: openflow.port, ovsdb: ovsdb.port },
    renew: (tls) => {
      openflow.renew(tls);
      ovsdb.renew(tls);
    },
    close: async () => {
      await ovsdb.close();
      await openflow.close();
    },
  };
}
