/** What became of a notice: a message was sent, or notices were put into one message, or were not told at all. */
export const NOTICE_RESULTS = ['sent', 'folded', 'settled', 'expired', 'given-up', 'lost'] as const;
export type NoticeResult = (typeof NOTICE_RESULTS)[number];
