/** Numbers of Nicira's actions (Open vSwitch `ofp-actions.c`, `nicira-ext.h`). */
export const niciraId = 0x2320;

/** In `resubmit`: the packet's own port, the present table. */
export const ownPort = 0xfff8;
export const presentTable = 0xff;

/** In `ct`. */
export const noRecirculation = 0xff;
export const commitFlag = 1;
export const forceFlag = 2;

export const natFlags = { src: 1, dst: 2, persistent: 4, hash: 8, random: 16 } as const;
