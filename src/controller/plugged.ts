/** Where ports are plugged: nearly every port on one host. */
export class PluggedPorts<Host extends object> {
  readonly #hosts = new Map<string, Host | readonly Host[]>();

  on(portId: string): readonly Host[] {
    const hosts = this.#hosts.get(portId);
    return hosts === undefined ? [] : isSeveral(hosts) ? hosts : [hosts];
  }

  /** What is plugged on the host became something else. */
  moved(host: Host, before: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): void {
    for (const portId of before.keys()) {
      if (now.has(portId)) continue;
      this.#put(
        portId,
        this.on(portId).filter((other) => other !== host),
      );
    }
    for (const portId of now.keys()) if (!before.has(portId)) this.#put(portId, [...this.on(portId), host]);
  }

  #put(portId: string, hosts: readonly Host[]): void {
    const [first, ...others] = hosts;
    if (first === undefined) this.#hosts.delete(portId);
    else this.#hosts.set(portId, others.length === 0 ? first : hosts);
  }
}

const isSeveral = <Host>(hosts: Host | readonly Host[]): hosts is readonly Host[] => Array.isArray(hosts);
