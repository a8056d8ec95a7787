const DAY_MS = 86_400_000;
/** Short enough that a leaked one is worth little, long enough that a cached one outlives a weekend. */
export const LEAF_LIFE_MS = 7 * DAY_MS;
