import type { Direction } from '../../../policies/compiled.ts';
import type { Peer, Port, Rule } from '../../../policies/model/index.ts';
import { isIcmp } from '../../../policies/selectors/index.ts';

/** A rule as one says it: `allow postgresql, tcp/9000-9100 from group web`. */
export function ruleWords(rule: Rule, direction: Direction): string {
  const services = rule.services === undefined ? 'everything' : rule.services.map(serviceWords).join(', ');
  const peers = rule.peers === undefined ? 'anyone' : rule.peers.map(peerWords).join(', ');
  return `${rule.action} ${services} ${direction === 'ingress' ? 'from' : 'to'} ${peers}`;
}

function serviceWords(service: string | Port): string {
  if (typeof service === 'string') return service;
  const { protocol } = service;
  if (isIcmp(service)) {
    const { type, code } = service;
    return [protocol, ...(type === undefined ? [] : [`type ${type}`]), ...(code === undefined ? [] : [`code ${code}`])].join(' ');
  }
  if (service.portName !== undefined) return `${protocol}/${service.portName}`;
  if (service.port === undefined) return protocol;
  return `${protocol}/${service.port}${service.endPort === undefined || service.endPort === service.port ? '' : `-${service.endPort}`}`;
}

function peerWords(peer: Peer): string {
  switch (peer.kind) {
    case 'any':
      return 'anyone';
    case 'group':
      return `group ${peer.tenant === undefined ? '' : `${peer.tenant}/`}${peer.group}`;
    case 'cidr':
      return `${peer.cidr}${peer.except.length === 0 ? '' : ` except ${peer.except.join(', ')}`}`;
  }
}
