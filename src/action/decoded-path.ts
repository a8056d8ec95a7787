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
   * The segments as the most forgiving server would take them: letter case folded, parameters behind `;` cut off, dots
   * and blanks at the end cut off, empty ones left out.
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

function forgive(segment: string): string {
  const parameters = segment.indexOf(';');
  return fold(parameters < 0 ? segment : segment.slice(0, parameters)).replace(/[. ]+$/u, '');
}
