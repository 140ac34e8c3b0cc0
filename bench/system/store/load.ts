/** So many clients, each with its next put as soon as the last was answered, until all are done. Prints `{ rate, p50, p99 }`, milliseconds. */
export async function load(clients: number, count: number, put: (at: number) => Promise<void>): Promise<void> {
  const times: number[] = [];
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < count) {
        const at = next++;
        const began = performance.now();
        await put(at);
        times.push(performance.now() - began);
      }
    }),
  );
  const rate = times.length / ((performance.now() - start) / 1_000);
  times.sort((left, right) => left - right);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  process.stdout.write(`${JSON.stringify({ rate, p50: at(0.5), p99: at(0.99) })}\n`);
}
