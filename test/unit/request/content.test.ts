import { describe, expect, it } from 'vitest';
import { accepted, verdict, withHeaders } from './heads.ts';

describe('the content type', () => {
  it.each([
    ['application/json', 'application/json'],
    ['Application/JSON; Charset=UTF-8', 'application/json'],
    ['application/json;charset="utf-8"', 'application/json'],
    ['application/json ; charset=us-ascii;', 'application/json'],
    ['multipart/form-data; boundary="a=b"', 'multipart/form-data'],
    ['text/plain; charset=iso-8859-1', 'text/plain'],
  ])('%s is %s', (value, essence) => {
    expect(accepted(withHeaders([['Content-Type', value]])).contentType).toBe(essence);
  });

  it.each([
    ['nothing', '', 'bad-header'],
    ['no subtype', 'json', 'bad-header'],
    ['two types', 'application/json, text/plain', 'bad-header'],
    ['a wildcard list', 'text/plain application/json', 'bad-header'],
    ['a repeated charset', 'application/json; charset=utf-8; charset=utf-16', 'bad-header'],
    ['a parameter without a value', 'application/json; charset', 'bad-header'],
    ['an escape in quotes', 'application/json; charset="utf\\-8"', 'bad-header'],
    ['an open quote', 'application/json; charset="utf-8', 'bad-header'],
    ['JSON in UTF-16', 'application/json; charset=utf-16', 'unsupported-encoding'],
    ['JSON in Latin-1', 'application/json; charset=iso-8859-1', 'unsupported-encoding'],
    ['a form in EBCDIC', 'application/x-www-form-urlencoded; charset=ibm037', 'unsupported-encoding'],
    ['text in UTF-7', 'text/plain; charset=utf-7', 'unsupported-encoding'],
    ['text in UTF-16', 'text/plain; charset=utf-16', 'unsupported-encoding'],
    ['multipart without a boundary', 'multipart/form-data', 'bad-header'],
    ['multipart with an empty boundary', 'multipart/form-data; boundary=""', 'bad-header'],
    ['multipart with a space in its boundary', 'multipart/form-data; boundary="a b"', 'bad-header'],
    ['multipart with a long boundary', `multipart/form-data; boundary=${'a'.repeat(71)}`, 'bad-header'],
    ['multipart with two boundaries', 'multipart/form-data; boundary=a; boundary=b', 'bad-header'],
    ['multipart with a boundary for PHP', 'multipart/form-data; x-boundary=a; boundary=b', 'bad-header'],
    ['multipart with an extended boundary', "multipart/form-data; boundary*=utf-8''a; boundary=b", 'bad-header'],
  ])('is refused with %s', (_, value, code) => {
    expect(verdict(withHeaders([['Content-Type', value]]))).toBe(code);
  });
});

describe('the content codings', () => {
  it('are listed in the order applied, identity left out', () => {
    expect(accepted(withHeaders([['Content-Encoding', 'X-GZIP, identity, br']])).contentCodings).toEqual([
      'gzip',
      'br',
    ]);
    expect(accepted(withHeaders([])).contentCodings).toEqual([]);
  });

  it.each(['gzip,,br', 'gzip;q=1', ''])('are refused as %j', (value) => {
    expect(verdict(withHeaders([['Content-Encoding', value]]))).toBe('bad-header');
  });
});
