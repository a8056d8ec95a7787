import { describe, expect, it } from 'vitest';
import { CHAIN_START } from '../../../src/audit/chain.ts';
import { csvHeader, csvRow } from '../../../src/audit/csv.ts';
import type { AuditRecord, RecordBody } from '../../../src/model/record.ts';
import { makeVisible } from '../../../src/visible/text.ts';
import { action, intent, lifecycle, outcome, refusal } from './bodies.ts';

function record(body: RecordBody): AuditRecord {
  return {
    ...body,
    v: 1,
    seq: 1,
    id: 'r-1',
    time: '2026-01-15T12:00:00.000Z',
    prev: CHAIN_START.hash,
    hash: CHAIN_START.hash,
  };
}

const row = (body: RecordBody): string => csvRow(record(body), makeVisible);

describe('the CSV export', () => {
  it('names its columns', () => {
    expect(csvHeader()).toBe(
      'seq,time,id,kind,exchange_id,agent_id,method,url,actions,params,decision,risk_level,rule,why,approval,approvers,event,verdict,result,status,fault,detail,bytes_sent,bytes_received,duration_ms,hash\r\n',
    );
  });

  it('quotes as RFC 4180 says, and ends each record in CRLF', () => {
    expect(row(intent('x-1'))).toBe(
      `1,2026-01-15T12:00:00.000Z,r-1,intent,x-1,agent-a,POST,https://tickets.example/v1/refunds,refund -> tickets.example,"{""amount"":12,""order"":""A-17""}",auto,low,reads,rule reads says auto (risk low),,,,,,,,,,,,${'0'.repeat(64)}\r\n`,
    );
    expect(row(outcome('x-1'))).toContain(',outcome,x-1,,,,,,,,,,,,,,success,200,,,120,40,12,');
    expect(row(refusal('x-1'))).toContain(',policy-block,rule no-bulk-delete says block (risk critical),');
  });

  it.each(['=1+1', '+49 30', '-1', '@SUM(A1)', '  =1', '\u0001=1', '\t=1', '\tx', '\r\n=1', '\uFF1D1', '\uFF201'])(
    'puts an apostrophe in front of %j, which a spreadsheet would take for a formula',
    (text) => {
      expect(row(lifecycle(text)).split(',')[21]).toBe(`'${makeVisible(text)}`);
    },
  );

  it.each(['a=1', '1-1', 'plain', '', '(1)'])('leaves %j as it is', (text) => {
    expect(row(lifecycle(text)).split(',')[21]).toBe(text);
  });

  it('keeps one record on one line, whatever is in it', () => {
    const hostile = 'a\r\nb\u2028c"d,e\u001B[2J\u202Ef';
    const text = row(intent('x-1', { agentId: hostile, actions: [action(hostile, { p: hostile })] }));
    expect(text.slice(0, -2)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });
});
