import type { Flow } from '../../flows/model/index.ts';
import { renderBase, renderElement, renderPort, renderTunnelPort } from '../../flows/render/index.ts';
import { elementKey } from '../../policies/compiled.ts';
import type { Element } from '../../policies/compiled.ts';

/** The VXLAN port's number on every bridge of these tests. */
export const tunnelPort = 100;

/** Everything that a host's elements come to; `portOf` says where the interfaces are plugged. */
export function renderHost(elements: readonly Element[], portOf: (portId: string) => number | undefined): readonly Flow[] {
  return [
    ...renderBase(),
    ...renderTunnelPort(tunnelPort),
    ...elements.flatMap((element) => renderElement(elementKey(element), element)),
    ...elements.flatMap((element) => {
      const port = element.kind === 'interface' ? portOf(element.portId) : undefined;
      return element.kind === 'interface' && port !== undefined ? renderPort(element, port) : [];
    }),
  ];
}

/** For `JSON.stringify`. */
export const bigintText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value);
