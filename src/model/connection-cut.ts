/** Why the data port ended a connection without a word: nobody asked anything on it, or nobody was listening. */
export const CONNECTION_CUTS = ['silent', 'dropped', 'reader-stalled'] as const;
export type ConnectionCut = (typeof CONNECTION_CUTS)[number];
