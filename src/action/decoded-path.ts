import { failed, passed, type Outcome } from '../model/fault.ts';
import { decodePercent } from '../request/percent.ts';
import { fold } from './spelling.ts';

/** A path decoded segment by segment, and as forgiving servers would take it. */
export interface DecodedPath {
  /** The whole path decoded, with its final slash where it has one. */
  readonly text: string;
  /** The segments as they are, without the empty one that a final slash leaves. */
  readonly segments: readonly string[];
  /**
   * The segments as the most forgiving server would take them: decoded again and again, compatibility forms of letters
   * (`ｃ`) and letter case evened out, what follows `;`, `?` or `#` cut off, dots and blanks at the end cut off, empty
   * ones left out.
   */
  readonly forgiving: readonly string[];
  /** False when segments are empty, carry `;` parameters or have blanks around them, which servers read differently. */
  readonly regular: boolean;
}

/** Decodes the path of a canonical request. Faults: bad-percent-encoding, ambiguous-action. */
export function decodePath(path: string): Outcome<DecodedPath> {
  const raw = path.slice(1).split('/');
  if (raw.at(-1) === '') raw.pop();
  const segments: string[] = [];
  for (const part of raw) {
    const decoded = decodePercent(part);
    if (!decoded.ok) return failed('bad-percent-encoding', `${decoded.problem} in the path`);
    if (part !== '' && forgive(decoded.text) === '') {
      return failed(
        'ambiguous-action',
        'a segment of the path is only blanks, dots or a parameter; servers may drop it',
      );
    }
    segments.push(decoded.text);
  }
  const regular =
    raw.every((part) => part !== '' && !part.includes(';')) && segments.every((text) => text === text.trim());
  const slash = path.length > 1 && path.endsWith('/') ? '/' : '';
  return passed({
    text: `/${segments.join('/')}${slash}`,
    segments,
    forgiving: segments.map(forgive).filter((segment) => segment !== ''),
    regular,
  });
}

/** What every server takes as it is. */
const PLAIN_SEGMENT = /^[a-z0-9_-]*$/;

function forgive(segment: string): string {
  if (PLAIN_SEGMENT.test(segment)) return segment;
  // At the start it is a name (`#room`), and a server that cuts there has nothing left.
  const [kept = ''] = decodedAgain(segment)
    .normalize('NFKC')
    .split(/;|(?<=.)[?#]/su, 1);
  return fold(kept).replace(/[. ]+$/u, '');
}

/** What chained servers that each decode once make of a segment. The request stage bounds how often that is. */
function decodedAgain(segment: string): string {
  let text = segment;
  for (;;) {
    const next = text.replaceAll(/%[0-7][0-9a-fA-F]/gu, (octet) =>
      String.fromCharCode(Number.parseInt(octet.slice(1), 16)),
    );
    if (next === text) return text;
    text = next;
  }
}
