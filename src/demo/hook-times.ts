/** The hooks whose times are shown. */
export type Hook = 'create' | 'start' | 'stop' | 'delete';

export interface TimedHook {
  readonly hook: Hook;
  readonly calls: number;
  /** Medians of the parts in milliseconds, in the order in which the hook named them, `total` last. */
  readonly parts: readonly { readonly name: string; readonly medianMs: number; readonly maxMs: number }[];
}

/** The times that hooks tell of themselves. */
export class HookTimes {
  readonly #calls = new Map<Hook, Readonly<Record<string, number>>[]>();

  add<T extends { readonly timings: Readonly<Record<string, number>> }>(hook: Hook, answer: T): T {
    this.#calls.set(hook, [...(this.#calls.get(hook) ?? []), answer.timings]);
    return answer;
  }

  table(): readonly TimedHook[] {
    return [...this.#calls].map(([hook, calls]) => ({
      hook,
      calls: calls.length,
      parts: Object.keys(calls[0] ?? {}).map((name) => {
        const values = calls.map((timings) => timings[name] ?? 0).toSorted((a, b) => a - b);
        return { name, medianMs: values[Math.floor(values.length / 2)] ?? 0, maxMs: values.at(-1) ?? 0 };
      }),
    }));
  }
}
