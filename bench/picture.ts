/** Draws how decisions grow with rules, as SVG: both axes in powers of ten. */

export interface Line {
  readonly name: string;
  /** Rules and microseconds. */
  readonly points: readonly (readonly [number, number])[];
}

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 290;
const TOP = 50;
const BOTTOM = 60;
/** Distinct for people who see colours differently as well (after Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const;
const MIN_RULES = 10;
const MAX_RULES = 100_000;
const MIN_MICROSECONDS = 0.1;
const MAX_MICROSECONDS = 10_000;

export function drawDecisions(lines: readonly Line[]): string {
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    '<title>Time of a decision against the number of rules</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text({ x: LEFT, y: 26, content: 'Time of one decision (microseconds) against the number of rules', size: 16 }),
    ...grid(),
    ...lines.flatMap((line, index) => drawLine(line, index)),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function xOf(rules: number): number {
  return LEFT + ((WIDTH - LEFT - RIGHT) * Math.log10(rules / MIN_RULES)) / Math.log10(MAX_RULES / MIN_RULES);
}

function yOf(microseconds: number): number {
  const share = Math.log10(microseconds / MIN_MICROSECONDS) / Math.log10(MAX_MICROSECONDS / MIN_MICROSECONDS);
  return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
}

function grid(): readonly string[] {
  const parts: string[] = [];
  for (let value = MIN_MICROSECONDS; value <= MAX_MICROSECONDS * 1.01; value *= 10) {
    const y = yOf(value).toFixed(1);
    parts.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" stroke="#ddd"/>`);
    parts.push(text({ x: LEFT - 8, y: Number(y) + 4, content: plain(value), anchor: 'end' }));
  }
  for (let rules = MIN_RULES; rules <= MAX_RULES; rules *= 10) {
    parts.push(text({ x: xOf(rules), y: HEIGHT - BOTTOM + 22, content: plain(rules), anchor: 'middle' }));
  }
  return parts;
}

function plain(value: number): string {
  return value < 1 ? value.toFixed(1) : Math.round(value).toLocaleString('en-GB');
}

function drawLine({ name, points }: Line, index: number): readonly string[] {
  const colour = COLOURS[index % COLOURS.length] ?? 'black';
  const places = points.map(([rules, microseconds]) => `${xOf(rules).toFixed(1)},${yOf(microseconds).toFixed(1)}`);
  const legend = TOP + 10 + index * 24;
  const start = WIDTH - RIGHT + 24;
  const dash = index % 2 === 0 ? '' : ' stroke-dasharray="7 4"';
  return [
    `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2.5"${dash}/>`,
    `<line x1="${start}" x2="${start + 28}" y1="${legend}" y2="${legend}" stroke="${colour}" stroke-width="2.5"${dash}/>`,
    text({ x: start + 36, y: legend + 4, content: name }),
  ];
}

function text(given: {
  readonly x: number;
  readonly y: number;
  readonly content: string;
  readonly anchor?: 'end' | 'middle';
  readonly size?: number;
}): string {
  const { x, y, content, anchor, size } = given;
  const attributes = `${anchor === undefined ? '' : ` text-anchor="${anchor}"`}${size === undefined ? '' : ` font-size="${size}"`}`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attributes}>${content.replaceAll('&', '&amp;')}</text>`;
}
