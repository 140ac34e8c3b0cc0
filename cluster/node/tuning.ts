const mebibyte = 1024 * 1024;

/** Of the consensus: a leader that is silent is followed by another within 300 to 600 ms. */
export const tuning = {
  tickMs: 25,
  heartbeatTicks: 2,
  electionTicks: 12,
  appendBytesMax: mebibyte,
  flightsMax: 64,
  flightBytesMax: 16 * mebibyte,
  promotionLagMax: 1_000,
  leaseFraction: 0.5,
  random: Math.random,
};
