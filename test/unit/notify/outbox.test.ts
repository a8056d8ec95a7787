import { describe, expect, it } from 'vitest';
import { createOutbox } from '../../../src/notify/outbox.ts';
import { pendingEventOf, type Notice } from '../../../src/notify/notice.ts';
import { createTokenBucket } from '../../../src/notify/token-bucket.ts';
import { approvalOf, noticeFor, NOW } from './notices.ts';

function noticeNamed(name: string, expiresAt = NOW + 900_000): Notice {
  const approval = approvalOf({}, { name, expiresAt });
  return noticeFor(pendingEventOf(approval), approval);
}

describe('an outbox', () => {
  it('gives each notice a message of its own while tokens last, and the last token takes the rest', () => {
    const box = createOutbox();
    for (const name of ['a', 'b', 'c', 'd']) box.add(noticeNamed(name));
    const sent = [3, 2, 1].map((tokens) => box.take(tokens, NOW));
    expect(sent.map((message) => (message?.kind === 'notice' ? message.notice.name : message?.summary.names))).toEqual([
      'a',
      'b',
      ['c', 'd'],
    ]);
    expect(box.take(15, NOW)).toBeNull();
  });

  it('gives the only notice that waits a message of its own with the last token', () => {
    const box = createOutbox();
    box.add(noticeNamed('a'));
    expect(box.take(1, NOW)).toMatchObject({ kind: 'notice', notice: { name: 'a' } });
  });

  it('takes the same notice once', () => {
    const box = createOutbox();
    const notice = noticeNamed('a');
    expect([box.add(notice), box.add(notice)]).toEqual([true, false]);
    box.take(9, NOW);
    expect(box.add(notice)).toBe(false);
    expect(box.size()).toBe(0);
  });

  it('counts what it has no room for, and loses none of the numbers', () => {
    const box = createOutbox();
    for (let index = 0; index < 2_000; index += 1) box.add(noticeNamed(`n${index}`, NOW + index));
    expect(box.size()).toBe(2_000);
    const message = box.take(1, NOW);
    expect(message).toMatchObject({ kind: 'summary', summary: { counts: { pending: 2_000 }, firstEnd: NOW + 1_500 } });
    expect(message?.kind === 'summary' && message.summary.names).toHaveLength(20);
    expect(box.size()).toBe(0);
  });

  it('takes back what is decided or over', () => {
    const box = createOutbox();
    box.add(noticeNamed('a'));
    box.add(noticeNamed('b', NOW + 10));
    box.add(noticeNamed('c'));
    expect([box.settle('a'), box.settle('a'), box.expire(NOW + 10)]).toEqual([1, 0, 1]);
    expect(box.take(9, NOW)).toMatchObject({ notice: { name: 'c' } });
  });

  it('gives what was put back before anything else', () => {
    const box = createOutbox();
    box.add(noticeNamed('a'));
    box.add(noticeNamed('b'));
    const first = box.take(9, NOW);
    if (first !== null) box.putBack(first);
    expect(box.size()).toBe(2);
    expect(box.take(1, NOW)).toBe(first);
    expect(box.take(1, NOW)).toMatchObject({ notice: { name: 'b' } });
  });
});

describe('a bucket of tokens', () => {
  it.each([1, 2, 3, 4, 30, 600])(
    'lets no more than %i through in any minute, and no fewer over an hour than half',
    (rate) => {
      const bucket = createTokenBucket(rate, 0);
      const taken: number[] = [];
      for (let now = 0; now < 3_600_000; now += 50) {
        if (bucket.tokens(now) < 1) continue;
        bucket.take(now);
        taken.push(now);
      }
      const most = Math.max(...taken.map((from, index) => taken.findLastIndex((at) => at < from + 60_000) - index + 1));
      expect(most).toBeLessThanOrEqual(rate);
      expect(taken.length).toBeGreaterThanOrEqual((rate / 2) * 60);
    },
  );

  it('says how long until the next one', () => {
    const bucket = createTokenBucket(4, 0);
    bucket.take(0);
    expect(bucket.untilNext(0)).toBe(0);
    bucket.take(0);
    expect(bucket.untilNext(0)).toBe(30_000);
    expect(bucket.tokens(30_000)).toBe(1);
  });
});
