import { numbers } from '../intervals.ts';
import { everyService, otherProtocols, protocolBase, protocolLine, serviceProtocols } from '../service-space.ts';
import type { ServiceSet } from '../service-space.ts';

const portsWidth = 0x10000;

/** As users write services: `tcp/443`, `udp/1000-2000`, `icmp/8/0`, `tcp`, `other`; `all` is everything. */
export function serviceTexts(set: ServiceSet): readonly string[] {
  if (numbers.contains(set, everyService)) return ['all'];
  const texts: string[] = [];
  for (const protocol of serviceProtocols) {
    const own = numbers.intersect(set, protocolLine(protocol));
    for (let at = 0; at < own.length; at += 2) {
      const [first, last] = [(own[at] ?? 0) - protocolBase[protocol], (own[at + 1] ?? 0) - protocolBase[protocol]];
      texts.push(...(protocol === 'icmp' || protocol === 'icmpv6' ? icmpTexts(protocol, first, last) : [portText(protocol, first, last)]));
    }
  }
  if (numbers.overlaps(set, [otherProtocols, otherProtocols])) texts.push('other');
  return texts;
}

function portText(protocol: string, first: number, last: number): string {
  if (first === 0 && last === portsWidth - 1) return protocol;
  return first === last ? `${protocol}/${first}` : `${protocol}/${first}-${last}`;
}

/** Whole types where there are, single codes at the edges. */
function icmpTexts(protocol: string, first: number, last: number): readonly string[] {
  if (first === 0 && last === portsWidth - 1) return [protocol];
  const texts: string[] = [];
  for (let at = first; at <= last;) {
    const type = at >> 8;
    const end = Math.min(last, type * 256 + 255);
    if (at % 256 === 0 && end % 256 === 255) {
      const wholeEnd = ((last + 1) >> 8) - 1;
      texts.push(type === wholeEnd ? `${protocol}/${type}` : `${protocol}/${type}-${wholeEnd}`);
      at = wholeEnd * 256 + 256;
    } else {
      const codes = at === end ? `${at & 255}` : `${at & 255}-${end & 255}`;
      texts.push(`${protocol}/${type}/${codes}`);
      at = end + 1;
    }
  }
  return texts;
}
