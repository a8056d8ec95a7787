import { describe, expect, test } from 'vitest';
import { loadActionMap } from '../../../src/action/load.ts';
import { formatMistake } from '../../../src/document/mistake.ts';
import { actionOf, mapOf, request } from './requests.ts';

function mistakesIn(...texts: readonly string[]): readonly string[] {
  const loaded = loadActionMap(texts.map((text, index) => ({ file: `m${index}.yaml`, text })));
  return loaded.ok ? [] : loaded.mistakes.map(formatMistake);
}

const HEAD = 'version: 1\nhost: h.example\nactions:\n';

describe('a mistake in an action map is refused at its place', () => {
  test.each([
    ['actions: []', 'm0.yaml:1:1: version: '],
    ['version: 2\nactions: []', 'm0.yaml:1:10: version: expected 1'],
    ['version: 1\nactions: []\nhosts: x', 'm0.yaml:3:1: unknown key "hosts"; did you mean "host"?'],
    ['version: 1\nhost: a b\nactions: []', 'm0.yaml:2:7: host: "a b" is not a host pattern'],
    ['version: 1\nhost: [ok.example, a b]\nactions: []', 'm0.yaml:2:20: host[1]: "a b" is not a host pattern'],
    ['version: 1\nactions:\n  - {match: {path: /a}, action: {type: t}}', 'names no host'],
    [
      `${HEAD}  - {match: {path: a}, action: {type: t}}`,
      'm0.yaml:4:20: actions[0].match.path: "a" is not a path; expected one that starts with /',
    ],
    [`${HEAD}  - {match: {path: /a/}, action: {type: t}}`, 'a final / is ignored anyway'],
    [`${HEAD}  - {match: {path: /a//b}, action: {type: t}}`, 'the path has an empty segment'],
    [`${HEAD}  - {match: {path: /a/../b}, action: {type: t}}`, 'expected the path resolved'],
    [`${HEAD}  - {match: {path: "/a/{b"}, action: {type: t}}`, 'neither text nor a capture'],
    [`${HEAD}  - {match: {path: "/a/x{b}"}, action: {type: t}}`, 'neither text nor a capture'],
    [`${HEAD}  - {match: {path: "/a%20b"}, action: {type: t}}`, 'text as it reads when decoded'],
    [`${HEAD}  - {match: {path: "/a?b=1"}, action: {type: t}}`, 'neither text nor a capture'],
    [`${HEAD}  - {match: {path: "/{a}/{a}"}, action: {type: t}}`, 'the capture {a} is named twice'],
    [`${HEAD}  - {match: {path: "/{a...}/b"}, action: {type: t}}`, 'nothing can follow {a...}'],
    [`${HEAD}  - {match: {path: "/{a...}.json"}, action: {type: t}}`, 'nothing can follow {a...}'],
    [`${HEAD}  - {match: {method: post}, action: {type: t}}`, 'expected a method in capital letters'],
    [`${HEAD}  - {match: {header: {a: b}}, action: {type: t}}`, 'unknown key "header"; did you mean "headers"?'],
    [`${HEAD}  - {match: {headers: {"a b": c}}, action: {type: t}}`, '"a b" is not a header name'],
    [`${HEAD}  - {match: {body: {state: closed}}, action: {type: t}}`, '"state" is not a JSON pointer'],
    [`${HEAD}  - {match: {body: {/a~2: 1}}, action: {type: t}}`, 'is not a JSON pointer'],
    [`${HEAD}  - {match: {query: {a: {exists: true, in: [b]}}}, action: {type: t}}`, 'exactly one of exists and in'],
    [`${HEAD}  - {match: {query: {a: {}}}, action: {type: t}}`, 'exactly one of exists and in'],
    [`${HEAD}  - {match: {}, action: {type: t, target: "{x}"}}`, '"x" is neither in params nor captured by the path'],
    [`${HEAD}  - {match: {path: "/{owner}"}, action: {type: t, target: "{onwer}"}}`, 'did you mean "owner"?'],
    [`${HEAD}  - {match: {}, action: {type: "t{"}}`, 'a brace belongs to no parameter'],
    [`${HEAD}  - {match: {}, action: {type: t}, amount: x}`, 'actions[0].amount: "x" is neither in params'],
    [`${HEAD}  - {match: {}, action: {type: t}, required: [x]}`, 'actions[0].required[0]: "x" is neither in params'],
    [`${HEAD}  - {match: {}, action: {type: t}, params: {a: {}}}`, 'expected exactly one of path, query'],
    [`${HEAD}  - {match: {}, action: {type: t}, params: {a: {body: /a, query: a}}}`, 'found query and body'],
    [
      `${HEAD}  - {match: {}, action: {type: t}, params: {a: {body: a}}}`,
      'actions[0].params.a.body: "a" is not a JSON pointer',
    ],
    [`${HEAD}  - {match: {}, action: {type: t}, params: {a: [{query: a}, {body: b}]}}`, 'actions[0].params.a[1].body'],
    [`${HEAD}  - {match: {}, action: {type: t}, params: {a: {query: a, as: int}}}`, 'integer'],
    [`${HEAD}  - {match: {}, action: {type: t}, params: {a: {path: b}}}`, 'the path captures no "b"'],
    [`${HEAD}  - {match: {path: "/{a}"}, action: {type: t}, params: {a: {query: a}}}`, 'the path captures "a" already'],
    [`${HEAD}  - {match: {}, action: {type: t}, params: {"body.x": {query: a}}}`, 'expected a name of letters'],
    [`${HEAD}  - {match: {}, action: {type: t}, params: {a: {item: /a}}}`, 'an item is only there with each'],
    [
      `${HEAD}  - {match: {}, action: {type: t}, each: /a/b, params: {x: {body: /a}}}`,
      'actions[0].params.x.body: this holds the list of each',
    ],
    [`${HEAD}  - {match: {}, action: {type: t}, each: items}`, 'actions[0].each: "items" is not a JSON pointer'],
    [
      `${HEAD}  - {match: {}, action: {type: t}, body: stream, params: {a: {body: /a}}}`,
      'a body that streams is never read',
    ],
    [`${HEAD}  - {match: {}, action: {type: t}, body: stream, body_limit: 1MiB}`, 'a body that streams has no limit'],
    [`${HEAD}  - {match: {}, action: {type: t}, body_limit: 1GiB}`, 'expected 256B to 64MiB'],
    [`${HEAD}  - {match: {}, action: {type: t}, effect: harmless}`, 'effect'],
  ])('%j', (text, expected) => {
    const found = mistakesIn(text);
    expect(found.join('\n')).toContain(expected);
    expect(found[0]).toMatch(/^m0\.yaml:\d+:\d+: /u);
  });

  test('together with all others, of all files', () => {
    const found = mistakesIn(
      `${HEAD}  - {match: {path: a}, action: {type: t}}\n  - {match: {method: post}, action: {tpye: t}}\n`,
      `${HEAD}  - {match: {path: "/{a}/{a}"}, action: {type: t, target: "{b}"}}\n`,
    );
    expect(found.map((line) => line.slice(0, 9))).toEqual([
      'm0.yaml:4',
      'm0.yaml:5',
      'm0.yaml:5',
      'm0.yaml:5',
      'm1.yaml:4',
      'm1.yaml:4',
    ]);
  });
});

describe('an entry that no request reaches is refused', () => {
  test.each([
    ['the same again', '- {match: {path: /a}, action: {type: t}}', '- {match: {path: /a}, action: {type: u}}'],
    [
      'other names for captures',
      '- {match: {path: "/{a}"}, action: {type: t}}',
      '- {match: {path: "/{b}"}, action: {type: u}}',
    ],
    [
      'a condition behind an entry without',
      '- {match: {path: /a}, action: {type: t}}',
      '- {match: {path: /a, query: {x: 1}}, action: {type: u}}',
    ],
    [
      'a method among several',
      '- {match: {path: /a, method: [PUT, POST]}, action: {type: t}}',
      '- {match: {path: /a, method: PUT}, action: {type: u}}',
    ],
    [
      'the same conditions',
      '- {match: {path: /a, query: {x: {in: [1, 2]}}}, action: {type: t}}',
      '- {match: {path: /a, query: {x: {in: [2, 1]}}}, action: {type: u}}',
    ],
  ])('%s', (_, first, second) => {
    expect(mistakesIn(`${HEAD}  ${first}\n  ${second}`)).toEqual([
      expect.stringMatching(
        /^m0\.yaml:5:\d+: actions\[1\]: no request reaches this entry: the one at m0\.yaml:4 takes all/u,
      ),
    ]);
  });

  test('in another file too', () => {
    expect(
      mistakesIn(
        `${HEAD}  - {match: {path: /a}, action: {type: t}}`,
        `${HEAD}  - {match: {path: /a}, action: {type: t}}`,
      ),
    ).toHaveLength(1);
  });

  test.each([
    [
      'a method of two is new',
      '- {match: {path: /a, method: PUT}, action: {type: t}}',
      '- {match: {path: /a, method: [PUT, POST]}, action: {type: u}}',
    ],
    [
      'every method behind one',
      '- {match: {path: /a, method: PUT}, action: {type: t}}',
      '- {match: {path: /a}, action: {type: u}}',
    ],
    [
      'more conditions first',
      '- {match: {path: /a, query: {x: 1}}, action: {type: t}}',
      '- {match: {path: /a}, action: {type: u}}',
    ],
    [
      'another host',
      '- {match: {path: /a}, action: {type: t}}',
      '- {match: {host: i.example, path: /a}, action: {type: u}}',
    ],
    ['letter case', '- {match: {path: /a}, action: {type: t}}', '- {match: {path: /A}, action: {type: u}}'],
  ])('but not: %s', (_, first, second) => {
    expect(mistakesIn(`${HEAD}  ${first}\n  ${second}`)).toEqual([]);
  });

  test('paths that differ in letter case are two paths, and each finds its own entry', () => {
    const map = mapOf(
      `${HEAD}  - {match: {path: /a}, action: {type: small}}\n  - {match: {path: /A}, action: {type: big}}`,
    );
    expect(actionOf(map, request('GET', 'https://h.example/a')).type).toBe('small');
    expect(actionOf(map, request('GET', 'https://h.example/A')).type).toBe('big');
  });
});

describe('the digest of a map', () => {
  test('is SHA-256 over all texts with their lengths, whatever the files are called', () => {
    expect(mapOf().digest).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    const text = 'version: 1\nactions: []\n';
    expect(mapOf(text).digest).toBe(mapOf(text).digest);
    expect(mapOf(text, text).digest).not.toBe(mapOf(text).digest);
    expect(mapOf(`${text}# x`).digest).not.toBe(mapOf(text).digest);
  });
});
