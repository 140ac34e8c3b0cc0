/** What a benchmark prints, a JSON object a line. `ratio` above 1: better than the peer or limit of the same run. */
export interface Figure<Bench extends string = string> {
  readonly bench: Bench;
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
  readonly p99?: number;
  readonly n: number;
  readonly ratio?: number;
}
