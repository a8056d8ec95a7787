import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NOTICE_RESULTS } from '../../../src/model/notice-result.ts';
import { cloudEventOf } from '../../../src/notify/cloud-event.ts';
import { messageOf } from '../../../src/notify/message.ts';
import { pendingEventOf } from '../../../src/notify/notice.ts';
import { approvalOf, noticeFor } from './notices.ts';

const page = readFileSync(new URL('../../../docs/notify.md', import.meta.url), 'utf8');

describe('docs/notify.md', () => {
  it('shows the event that is sent', () => {
    const approval = approvalOf({ exchangeId: 'exchange-1' });
    const source = '/aegis-gateway/namespaces/agents/serviceaccounts/support/agents/shop';
    const place = { kind: 'kubernetes', namespace: 'agents' } as const;
    const sent = cloudEventOf(messageOf(noticeFor(pendingEventOf(approval), approval)), { source, place });
    expect(JSON.parse(/```json\n(?<event>[\s\S]*?)```/u.exec(page)?.groups?.['event'] ?? '')).toEqual(
      JSON.parse(sent.toString()),
    );
  });

  it('names everything that a notice can come to', () => {
    for (const result of NOTICE_RESULTS) expect(page).toContain(`\`${result}\``);
  });
});
