import { describe, expect, it } from 'vitest';
import { podLabelsOf } from '../../../src/approval/pod-labels.ts';

describe('the labels of a pod', () => {
  it('are read as the downward API writes them', () => {
    expect(podLabelsOf('app="support"\napp.kubernetes.io/name="support-agent"\nempty=""', 'labels')).toEqual({
      app: 'support',
      'app.kubernetes.io/name': 'support-agent',
      empty: '',
    });
    expect(podLabelsOf('', 'labels')).toEqual({});
  });

  it.each(['app=support', 'app="sup\\"port"', 'app="a" b="c"', '="x"', 'app="\u001b[2J"', `app="${'x'.repeat(64)}"`])(
    'are refused with the line where one is %j',
    (line) => {
      expect(() => podLabelsOf(`tier="back"\n${line}`, '/etc/podinfo/labels')).toThrow(
        '/etc/podinfo/labels:2: expected a label as name="value"',
      );
    },
  );

  it('are refused where they are more than a request carries', () => {
    const text = Array.from({ length: 65 }, (_, index) => `l${index}="x"`).join('\n');
    expect(() => podLabelsOf(text, 'labels')).toThrow('expected at most 64 labels, found 65');
  });

  it('take no name for a member of every object', () => {
    expect(Object.entries(podLabelsOf('__proto__="x"', 'labels'))).toEqual([['__proto__', 'x']]);
  });
});
